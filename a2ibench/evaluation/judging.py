"""Judges: loaded or trained once, and each set of images embedded once by each of them."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from a2ibench.cache import cached, find
from a2ibench.code_hash import source_hash
from a2ibench.contracts.judge import Judge
from a2ibench.evaluation.embed_batches import embed_batches
from a2ibench.one_thread import one_thread
from a2ibench.protocol import PROTOCOL
from a2ibench.registry import judges
from a2ibench.storage import cache_dir, content_key
from a2ibench.training.device import choose_device
from a2ibench.types import DataKey, FloatArray, Images, IntArray, Pairs, Spec

FIGURES = "figures"
"""The entry of a weight file's metadata that holds what the training reported."""
BATCH = 32
"""Images per batch; fixed, since rounding may depend on it."""

Parts = Iterator[tuple[IntArray, Mapping[str, FloatArray]]]
"""Positions of what was embedded together, and the outputs for it."""
Progress = Callable[[str], None]
"""Takes one line that says what is being done."""


@dataclass(frozen=True)
class LoadedJudge:
    """A judge that is ready to embed.

    Attributes:
        judge: frozen, on its device.
        fingerprint: a hash of all that its outputs depend on: its name, version and weights; for a
            judge that is trained here, also its code, and the weights that its training ended
            with.
        figures: what its training reported; empty for one that is not trained.
        base: the judge that its outputs are computed from; None where it embeds all itself.
        again: loads the same judge in another process; None where none can.
    """

    judge: Judge
    fingerprint: str
    figures: Mapping[str, float]
    base: "LoadedJudge | None" = None
    again: "Callable[[], LoadedJudge | None] | None" = None


def load_judge(
    name: str, train: Pairs, data_key: DataKey, progress: Progress = lambda line: None
) -> LoadedJudge:
    """Load a judge. A trained one is fitted once for its definition and data, and kept.

    Nothing but ``train``, the real training pairs, is shown to it; ``data_key`` says what they were
    made from.

    Raises:
        UserError: an unknown name, weights that cannot be had, or data it cannot be trained on.
    """
    spec = Spec.of(train)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
        loaded = _load(name, spec, data_key, train, progress)
    assert loaded is not None  # with training pairs there is no judge that cannot be had
    return loaded


def load_kept(name: str, spec: Spec, data_key: DataKey) -> LoadedJudge | None:
    """Load a judge that an earlier study left in the cache; None where it has yet to be trained.

    For the keys see :func:`load_judge`.
    """
    with torch.random.fork_rng(devices=[]):
        return _load(name, spec, data_key, None, lambda line: None)


def _load(
    name: str, spec: Spec, data_key: DataKey, train: Pairs | None, progress: Progress
) -> LoadedJudge | None:
    plugin = judges.get(name)
    again = partial(load_kept, name, spec, data_key)
    judge = plugin()
    judge.build(replace(spec, acoustic_dim=0) if plugin.encoder_free else spec)
    judge.to(choose_device())
    definition = [name, plugin.version, judge.weights_hash()]
    base = None
    if plugin.base is not None:
        base = _load(plugin.base, spec, data_key, train, progress)
        if base is None:
            return None
        definition.append(base.fingerprint)
    if not judge.trained:
        return LoadedJudge(judge.eval(), content_key(definition), {}, base, again)
    definition.append(source_hash(plugin))  # its weights are made here, by this code
    heard = data_key.store if plugin.encoder_free else content_key([*astuple(data_key)])
    key = content_key([*definition, heard, PROTOCOL])
    weights = cache_dir("judges") / f"{name}_{key}.safetensors"

    def read_into(path: Path) -> Mapping[str, float]:
        return _load_weights(judge, path)

    if train is None:
        figures = find(weights, read_into)
        if figures is None:
            return None
    else:
        pairs = _without_features(train) if plugin.encoder_free else train

        def fit(path: Path) -> None:
            progress(training_line(name, pairs))
            with one_thread():
                figures = json.dumps(dict(judge.fit(pairs)), allow_nan=False)
            state = {name: tensor.contiguous() for name, tensor in judge.state_dict().items()}
            save_file(state, path, {FIGURES: figures})

        figures = cached(weights, fit, read_into)
    fingerprint = content_key([*definition, _hash_weights(judge)])
    return LoadedJudge(judge.eval(), fingerprint, figures, base, again)


def training_line(name: str, train: Pairs) -> str:
    """Say that a judge is trained."""
    return f"judge {name}: training on {len(train)} real images"


def embed_images(
    loaded: LoadedJudge,
    images: Images,
    progress: Progress = lambda line: None,
    reads: Collection[str] = (),
) -> dict[str, FloatArray]:
    """Return a judge's outputs for images uint8 ``[n, S, S, 3]``, cached by their content.

    Equal images are embedded once, so their outputs are equal to the last bit. ``reads`` are the
    names of the outputs that are wanted, where the judge gives them; by default all.

    Returns:
        The judge's outputs by name, float32 ``[n, k]``.

    Raises:
        TypeError: the judge's outputs are not float32 ``[n, k]``.
        ValueError: its outputs are not finite.
    """
    first, position, key = _distinct(images)
    judge = loaded.judge

    def parts() -> Parts:
        base = None
        if loaded.base is not None and "images" in loaded.base.judge.embeds:
            base = embed_images(loaded.base, images, progress)
        batches = [first[start : start + BATCH] for start in range(0, len(first), BATCH)]
        if base is None:
            found = embed_batches(loaded, "images", map(images.__getitem__, batches), len(batches))
        else:
            shares = ({key: out[rows] for key, out in base.items()} for rows in batches)
            found = map(judge.embed_from, shares)
        for start, outputs in zip(range(0, len(first), BATCH), found, strict=True):
            stop = min(start + BATCH, len(first))
            yield np.arange(start, stop), outputs
            progress(f"judge {judge.name}: {stop} of {len(first)} images")

    whole = content_key([loaded.fingerprint, key, PROTOCOL])
    path = cache_dir("looks") / f"{judge.name}_{whole}.npz"
    outputs = embedded(path, judge, len(first), parts, reads)
    return {name: outputs.pop(name)[position] for name in list(outputs)}  # one copy at a time


def embedded(
    path: Path, judge: Judge, n: int, parts: Callable[[], Parts], reads: Collection[str] = ()
) -> dict[str, FloatArray]:
    """Return the outputs of a judge for n inputs, float32 ``[n, k]``, from a file of the cache.

    Without the file ``parts`` embeds them. For ``reads`` and errors see :func:`embed_images`.
    """

    def make(path: Path) -> None:
        outputs: dict[str, FloatArray] = {}
        for rows, part in parts():
            _check_outputs(judge.name, part, len(rows))
            if not outputs:
                outputs = {
                    name: np.empty((n, one.shape[1]), one.dtype) for name, one in part.items()
                }
            for name in outputs:
                outputs[name][rows] = part[name]
        with path.open("wb") as stream:
            np.savez(stream, **outputs)  # type: ignore[arg-type]  # the stub reads a name as a flag

    def read(path: Path) -> dict[str, FloatArray]:
        with np.load(path, allow_pickle=False) as kept:
            names = reads if reads and {*reads} <= {*kept.files} else kept.files
            outputs: dict[str, FloatArray] = {name: kept[name] for name in names}
        _check_outputs(judge.name, outputs, n)
        return outputs

    return cached(path, make, read)


def _distinct(images: Images) -> tuple[IntArray, IntArray, str]:
    """Return rows of the distinct images, which of them each image equals, and a hash of them all.

    The distinct images stand in the order of their own hashes, so that the same images in another
    order are the same set: shuffled reference rows cost nothing.
    """
    first: dict[str, int] = {}
    digests: list[str] = []
    shape: tuple[int, ...] = ()
    for start in range(0, len(images), BATCH):
        for offset, image in enumerate(batch := images[start : start + BATCH]):
            digests.append(hashlib.sha256(image.tobytes()).hexdigest())
            first.setdefault(digests[-1], start + offset)
        shape = batch.shape[1:]
    order = {digest: i for i, digest in enumerate(sorted(first))}
    position = np.array([order[digest] for digest in digests], dtype=np.int64)
    rows = np.array([first[digest] for digest in order], dtype=np.int64)
    return rows, position, content_key([shape, list(order)])


def _check_outputs(name: str, outputs: Mapping[str, FloatArray], n: int) -> None:
    for key, output in outputs.items():
        if output.dtype != np.float32 or output.ndim != 2 or len(output) != n:
            raise TypeError(
                f"judge {name}, output {key!r}: expected float32 [{n}, k],"
                f" got {output.dtype} {list(output.shape)}"
            )
        if not np.isfinite(output).all():
            raise ValueError(f"judge {name}, output {key!r}: NaN or infinite numbers")


def _without_features(pairs: Pairs) -> Pairs:
    return replace(pairs, acoustic=np.zeros((len(pairs), 0), dtype=np.float32))


def _load_weights(judge: Judge, path: Path) -> dict[str, float]:
    """Put the weights of a file into a judge, and return what its training reported."""
    with safe_open(path, "pt") as kept:
        figures = json.loads(kept.metadata()[FIGURES])
        judge.load_state_dict({name: kept.get_tensor(name) for name in kept.keys()})  # noqa: SIM118  # not a mapping
    return {str(name): float(value) for name, value in figures.items()}


def _hash_weights(judge: Judge) -> str:
    """Hash the weights alone: the file holds figures as well."""
    digest = hashlib.sha256()
    for name, tensor in sorted(judge.state_dict().items()):
        content = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {content.dtype} {list(content.shape)} ".encode())
        digest.update(content.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
