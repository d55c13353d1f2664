"""The demands of the contract on a model."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from a2ibench import config
from a2ibench.conformance import options
from a2ibench.conformance.model_subject import RESUMED, STEPS, ModelSubject, weights_of
from a2ibench.conformance.rules import Rules, expect, farthest, same
from a2ibench.conformance.sample import ACOUSTIC_DIM, SIZE
from a2ibench.conformance.side_effects import SEED, expect_silence
from a2ibench.data.batches import Batches
from a2ibench.training.checkpoint import TrainingState, load_for_drawing

LARGER = 64
PATIENCE = 8
"""Steps within which the generator must have learnt something; some methods update it rarely."""
TOLERANCE = 1e-3
"""Relative: rounding may depend on the size of a batch."""

rules: Rules[ModelSubject] = Rules()
options.add_rules(rules)


@rules.rule("correct the option's name or value in `scales` or `ablations`")
def declared(subject: ModelSubject) -> None:
    """Every scale and every ablation makes a valid configuration, and an ablation another one."""
    plugin = subject.plugin
    for values in plugin.scales.values():
        config.build(plugin.Config, values, plugin.name)
    full = subject.configure()
    for part, off in plugin.ablations.items():
        changed = subject.configure(**off)
        found = f"the full model's own values {dict(off)}"
        expect(changed != full, f"ablation {part} to change the configuration", found)


@rules.rule("take the sizes from `spec`, and hand config and spec to Model.__init__", gate=True)
def made(subject: ModelSubject) -> None:
    """It can be made for given sizes of image and feature."""
    for size in (SIZE, LARGER):
        model = subject.make(size)
        found = f"{type(model.generator).__name__} without any"
        expect(any(True for _ in model.generator.parameters()), "a generator with weights", found)
        expect(hasattr(model, "optimizers"), "self.optimizers, set in __init__", "no optimizers")


@rules.rule(
    "set a Sampling of a batch of pairs, a probability and a known mismatch;"
    " noise_dim ≥ 0; 0 ≤ ema < 1"
)
def sampling(subject: ModelSubject) -> None:
    """Its sampling, noise_dim and ema have possible values."""
    model = subject.make()
    wanted = model.sampling
    batch = Batches(subject.pairs, wanted, 0, torch.device("cpu")).batch(0)
    expect(
        wanted.batch_size >= 1 and len(batch.image) == wanted.batch_size,
        "a batch size of at least 1",
        wanted.batch_size,
    )
    expect(0 <= wanted.flip <= 1, "a probability of flips", wanted.flip)
    expect(wanted.mismatch in ("class", "clip", "none"), "class, clip or none", wanted.mismatch)
    expect(model.noise_dim >= 0, "noise_dim ≥ 0", model.noise_dim)
    expect(0 <= model.ema < 1, "0 ≤ ema < 1", model.ema)


@rules.rule("give each parameter to one optimiser, or freeze it with requires_grad_(False)")
def optimised(subject: ModelSubject) -> None:
    """Every weight that learns has exactly one optimiser."""
    model = subject.make()
    held = [
        id(parameter)
        for optimizer in model.optimizers.values()
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    wrong = [
        f"{name} has {held.count(id(parameter))}"
        for name, parameter in model.named_parameters()
        if held.count(id(parameter)) != int(parameter.requires_grad)
    ]
    expect(not wrong, "one optimiser per weight", "; ".join(wrong[:3]))


@rules.rule("register it: self.register_buffer(name, tensor)")
def registered(subject: ModelSubject) -> None:
    """Every tensor it holds is a parameter or a buffer, so that the bench can move and keep it."""
    model = subject.make()
    loose = [
        f"{path}.{name}".strip(".")
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, torch.Tensor) and not _is_derived(module, name)
    ]
    expect(not loose, "no tensor as a plain attribute", ", ".join(loose))


def _is_derived(module: nn.Module, name: str) -> bool:
    """Return whether a tensor is computed anew from parameters before each forward pass, as
    `torch.nn.utils.spectral_norm` and `weight_norm` do."""
    return any(f"{name}_{end}" in module._parameters for end in ("orig", "g"))


@rules.rule(
    "see the error; `prepare` gets Pairs, `training_step` a Batch, `generate` a and noise",
    gate=True,
)
def lives(subject: ModelSubject) -> None:
    """It prepares, trains and draws."""
    assert subject.effects is not None  # raises where the model fails


@rules.rule("return {'name': loss, …}")
def losses(subject: ModelSubject) -> None:
    """training_step returns losses by name: finite scalars."""
    found = subject.train(subject.prepared(), 1)
    expect(bool(found), "at least one loss", dict(found))
    for name, value in found.items():
        tensor = isinstance(value, torch.Tensor)
        expect(tensor, f"loss {name!r} to be a tensor", type(value).__name__)
        expect(value.shape == (), f"loss {name!r} to be a scalar", f"shape {tuple(value.shape)}")
        expect(bool(value.isfinite()), f"loss {name!r} to be finite", value.item())


@rules.rule("call backward and the optimiser's step in training_step")
def learns(subject: ModelSubject) -> None:
    """Its generator learns within 8 steps."""
    model = subject.prepared()
    trainable = [weight for weight in model.generator.parameters() if weight.requires_grad]
    before = [weight.detach().clone() for weight in trainable]
    for _ in range(PATIENCE):
        subject.train(model, 1)
        if any(not torch.equal(a, b) for a, b in zip(before, trainable, strict=True)):
            return
    expect(False, "another weight of the generator", "the same ones")


@rules.rule("convert to .float() before losses, exponentials and comparisons with float32 tensors")
def mixed_precision(subject: ModelSubject) -> None:
    """It trains in mixed precision (bfloat16), as the bench does where the hardware can."""
    model = subject.prepared()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        found = subject.train(model, 1)
    for name, value in found.items():
        loss = torch.as_tensor(value)
        expect(bool(loss.isfinite()), f"loss {name!r} to be finite", loss.item())


@rules.rule(
    "return what the network draws, often by a tanh: the bench maps it to [0, 1] and to uint8"
)
def draws(subject: ModelSubject) -> None:
    """generate returns floats [n, 3, S, S] in [−1, 1], like training images, for any n and S."""
    trained = subject.prepared()
    subject.train(trained, STEPS)
    lows: list[float] = []
    for model in (trained, subject.make(LARGER)):
        for n in (1, 3):
            image, size = subject.draw(model, slice(0, n)), model.spec.image_size
            expect(image.shape == (n, 3, size, size), f"{(n, 3, size, size)}", image.shape)
            expect(np.isfinite(image).all(), "finite pixels", "NaN or infinite ones")
            low, high = float(image.min()), float(image.max())
            inside = low >= -1 - 1e-6 and high <= 1 + 1e-6
            expect(inside, "pixels in [−1, 1]", f"[{low:g}, {high:g}]")
            lows.append(low if high > 0 else -1)
    found = f"none: the lowest is {min(lows):g}, as in images in [0, 1]"
    expect(min(lows) < 0, "some pixels below 0, the middle grey of training images", found)


@rules.rule("take all chance from the argument `noise`; no dropout or randn while drawing")
def repeats(subject: ModelSubject) -> None:
    """The same sound and noise draw the same image, to the last bit."""
    model = subject.prepared()
    torch.manual_seed(1)
    first = subject.draw(model)
    torch.manual_seed(2)
    again = subject.draw(model)
    expect(np.array_equal(first, again), "the same bits", "another image")


@rules.rule("use no statistics over the batch in evaluation mode (BatchNorm does that by itself)")
def rows(subject: ModelSubject) -> None:
    """An image does not depend on the other rows of its batch."""
    model = subject.prepared()
    subject.train(model, STEPS)
    among, alone = subject.draw(model)[1:2], subject.draw(model, slice(1, 2))
    apart = farthest(among, alone)
    expect(apart < TOLERANCE, "the same image alone and in a batch", f"a difference of {apart:.2g}")


@rules.rule("take chance from torch's global generator only, and iterate over no set")
def seeded(subject: ModelSubject) -> None:
    """The same seed trains to the same weights, to the last bit."""
    first = subject.weights
    _, again = subject.live()
    different = same(first, again)
    expect(not different, "equal weights", f"{len(different)} that differ: {different[:3]}")


@rules.rule("keep all that changes while training in parameters, buffers or optimisers")
def resumes(subject: ModelSubject) -> None:
    """A training that resumes from its checkpoint ends as an uninterrupted one."""
    through, past = subject.prepared(SEED + 1), subject.prepared()
    subject.train(past, RESUMED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.safetensors")
        TrainingState(past, None, past.optimizers).save(path)
        TrainingState(through, None, through.optimizers).load(path)
    ends = []
    for model in (past, through):
        torch.manual_seed(7)
        subject.train(model, RESUMED)
        ends.append(weights_of(model))
    different = same(*ends)
    expect(not different, "equal weights", f"{len(different)} that differ: {different[:3]}")


@rules.rule("keep all that an image depends on in parameters or buffers")
def redraws(subject: ModelSubject) -> None:
    """Its weights from a checkpoint draw the images that it drew before."""
    model, other = subject.prepared(), subject.make(seed=SEED + 1)
    subject.train(model, STEPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.safetensors")
        TrainingState(model, None, model.optimizers).save(path)
        load_for_drawing(other, other.generator, path)
    same_bits = np.array_equal(subject.draw(model), subject.draw(other))
    expect(same_bits, "the same bits", "other images")


@rules.rule("change weights and buffers in training_step only")
def draws_only(subject: ModelSubject) -> None:
    """Drawing changes nothing in it."""
    model = subject.prepared()
    before = weights_of(model)
    subject.draw(model)
    different = same(before, weights_of(model))
    expect(not different, "an unchanged state dict", f"changes in {different[:3]}")


@rules.rule("let the networks be built without the part that is off")
def ablated(subject: ModelSubject) -> None:
    """Every ablation makes a model that trains and draws."""
    for part, off in subject.plugin.ablations.items():
        model = subject.ablated(off)
        subject.train(model, 1)
        image = subject.draw(model)
        expect(np.isfinite(image).all(), f"finite images without {part}", "NaN or infinite ones")


@rules.rule("use torch.randn and its like; leave seeds to the bench")
def chance(subject: ModelSubject) -> None:
    """It takes random numbers from torch's global generator, and does not seed it."""
    effects = subject.effects
    expect(not effects.drew, "torch's generator", f"global numbers of {', '.join(effects.drew)}")
    expect(not effects.seeded, "the bench's seed", "a call of torch.manual_seed")


@rules.rule("return what is worth knowing as a loss")
def quiet(subject: ModelSubject) -> None:
    """It prints nothing and writes no file: the bench logs losses and keeps weights."""
    expect_silence(subject.effects)


@rules.rule("return a NumPy array in the space of the standardised features, or None")
def own_network(subject: ModelSubject) -> None:
    """Its own image-to-audio network, if it has one, maps images to float32 [n, d]."""
    model = subject.prepared()
    sound = model.image_to_audio(subject.pairs.images[:3])
    if sound is None:
        return
    expect(isinstance(sound, np.ndarray), "a NumPy array", type(sound).__name__)
    found = f"{sound.dtype} {sound.shape}"
    shape = (3, ACOUSTIC_DIM)
    expect(sound.dtype == np.float32 and sound.shape == shape, f"float32 {shape}", found)
    expect(np.isfinite(sound).all(), "finite numbers", "NaN or infinite ones")
