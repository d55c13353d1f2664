"""SoundNet's weights in each of their layouts give one network; what is not theirs is refused."""

import hashlib
import os
import shutil

import numpy as np
import pytest
import scipy.special
import torch
from safetensors.torch import load_file, save_file
from torch7_writer import Module, write_t7

import a2ibench
from a2ibench.errors import UserError
from a2ibench.soundnet import weights as soundnet_weights
from a2ibench.soundnet.network import SOUNDNET5, SOUNDNET8, SoundNet
from a2ibench.soundnet.weights import convert, from_file

pytestmark = pytest.mark.integration
RATE = 22_050


def sound(seconds, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def plain(state):
    return {key: value for key, value in state.items() if not key.endswith("tracked")}


def random_state(network, seed=0):
    """Weights that give numbers of a usual size, with norms that do something."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for head in (network.objects, network.scenes):
        state |= plain(SoundNet(network, head.name).state_dict())
    for key, value in state.items():
        noise = torch.rand(value.shape, generator=generator)
        if key.endswith("running_var"):
            state[key] = noise + 0.5
        elif value.ndim == 3:
            state[key] = (noise - 0.5) * (12 / value[0].numel()) ** 0.5
        else:
            state[key] = noise + (0.5 if key.endswith("1.weight") else -0.5)
    return state


# The layouts, written from a state dict.


def as_npy(state, network, path):
    layers = {}
    for layer in network.layers:
        name = layer.name
        layers[name] = {
            "weights": state[f"{name}.0.weight"].permute(2, 1, 0)[:, None].numpy(),
            "biases": state[f"{name}.0.bias"].numpy(),
        }
        if not layer.head:
            for theirs, ours in [
                ("gamma", "weight"), ("beta", "bias"),
                ("mean", "running_mean"), ("var", "running_var"),
            ]:  # fmt: skip
                layers[name][theirs] = state[f"{name}.1.{ours}"].numpy()
    np.save(path, layers)


def as_pth(state, network, path):
    torch.save({k: v[..., None] if v.ndim == 3 else v for k, v in state.items()}, path)


def as_port(state, network, path):
    named = {}
    for key, value in state.items():
        layer, part, field = key.split(".")
        number = layer.removeprefix("conv").removesuffix("_2")
        heads = {network.objects.name: "_objs", network.scenes.name: "_scns"}
        name = f"batchnorm{number}" if part == "1" else f"conv{number}{heads.get(layer, '')}"
        named[f"{name}.{field}"] = value[..., None] if value.ndim == 3 else value
    torch.save(named, path)


def torch7_network(state, network, heads="two"):
    """The modules of a Torch file in sequence, pooling and ReLU between them."""

    def convolution(name):
        weight = state[f"{name}.0.weight"][..., None].numpy()
        fields = {"weight": weight, "bias": state[f"{name}.0.bias"].numpy(), "kH": weight.shape[2]}
        return Module("nn.SpatialConvolution", fields)

    modules = []
    for layer in network.trunk:
        fields = ("weight", "bias", "running_mean", "running_var")
        norm = {field: state[f"{layer.name}.1.{field}"].numpy() for field in fields}
        modules.append(convolution(layer.name))
        modules.append(Module("nn.SpatialBatchNormalization", {**norm, "eps": 1e-5}))
        modules.append(Module("nn.ReLU", {"inplace": True}))
        if layer.pool > 1:
            modules.append(Module("nn.SpatialMaxPooling", {"kH": layer.pool}))
    both = [convolution(network.objects.name), convolution(network.scenes.name)]
    if heads == "two":
        modules.append(Module("nn.ConcatTable", {"modules": both}))
    else:
        fields = {
            field: np.concatenate([head.fields[field] for head in both])
            for field in ("weight", "bias")
        }
        modules.append(Module("nn.SpatialConvolution", fields))
    return Module("nn.Sequential", {"modules": modules, "train": False})


def as_t7(state, network, path, heads="two"):
    path.write_bytes(write_t7(torch7_network(state, network, heads)))


def as_t7_with_one_head(state, network, path):
    as_t7(state, network, path, heads="one")


WRITERS = [
    pytest.param(as_npy, ".npy", id="npy"),
    pytest.param(as_pth, ".pth", id="pth"),
    pytest.param(as_port, ".pth", id="pth of a port"),
    pytest.param(as_t7, ".t7", id="t7"),
    pytest.param(as_t7_with_one_head, ".t7", id="t7, heads in one"),
    pytest.param(lambda state, network, path: save_file(state, path), ".safetensors", id="own"),
]


@pytest.fixture(scope="module")
def state():
    return random_state(SOUNDNET5)


@pytest.fixture(scope="module")
def own(state, tmp_path_factory):
    """Weights of SoundNet-5 in our own format."""
    path = tmp_path_factory.mktemp("own") / "own.safetensors"
    save_file(state, path)
    return path


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(("write", "suffix"), WRITERS)
def test_every_layout_gives_the_same_weights(write, suffix, state, tmp_path):
    path = tmp_path / f"weights{suffix}"
    write(state, SOUNDNET5, path)
    converted = convert(path.read_bytes(), str(path), SOUNDNET5)
    assert plain(converted).keys() == state.keys()
    for key, value in state.items():
        assert torch.equal(converted[key], value), key


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_another_precision_and_those_that_are_being_trained_are_read(
    kind, suffix, state, tmp_path
):
    given = {key: value.to(kind) for key, value in state.items()}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({key: torch.nn.Parameter(value) for key, value in given.items()}, path)
    else:
        save_file(given, path)
    converted = plain(convert(path.read_bytes(), str(path), SOUNDNET5))
    for key, value in given.items():
        assert torch.equal(converted[key], value.float()), key


@pytest.mark.integration
@pytest.mark.parametrize(("write", "suffix"), [(as_pth, ".pth"), (as_t7, ".t7")])
def test_the_public_weights_in_another_layout_give_identical_features(
    write, suffix, sound8_npy, tmp_path
):
    public = a2ibench.load_encoder("soundnet8", weights=str(sound8_npy))
    state = plain(convert(sound8_npy.read_bytes(), "sound8.npy", SOUNDNET8))
    path = tmp_path / f"sound8{suffix}"
    write(state, SOUNDNET8, path)
    other = a2ibench.load_encoder("soundnet8", weights=str(path))
    np.testing.assert_array_equal(other(sound(2), RATE), public(sound(2), RATE))
    converted = convert(path.read_bytes(), str(path), SOUNDNET8)
    for key, value in state.items():
        assert torch.equal(converted[key], value), key


def reference(state, waveform):
    """SoundNet-5 in NumPy, float64: frames of each layer, [frames, C]."""
    values = {key: value.double().numpy() for key, value in state.items()}
    x, out = 256 * waveform.astype(np.float64)[:, None], {}

    def convolve(x, name, stride, padding):
        kernel = values[f"{name}.0.weight"]
        padded = np.pad(x, ((padding, padding), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2], axis=0)
        return (
            np.einsum("tik,oik->to", windows[::stride], kernel, optimize=True)
            + (values[f"{name}.0.bias"])
        )

    for name, padding, size in [
        ("conv1", 32, 8),
        ("conv2", 16, 8),
        ("conv3", 8, 8),
        ("conv4", 4, 1),
    ]:
        y = convolve(x, name, 2, padding) - values[f"{name}.1.running_mean"]
        y = y / np.sqrt(values[f"{name}.1.running_var"] + 1e-5) * values[f"{name}.1.weight"]
        y = np.maximum(y + values[f"{name}.1.bias"], 0)
        x = out[name] = y[: len(y) // size * size].reshape(-1, size, y.shape[1]).max(axis=1)
    for name in ("conv5", "conv5_2"):
        out[name] = scipy.special.softmax(convolve(x, name, 12, 4), axis=1)
    return out


@pytest.mark.parametrize(
    ("layer", "name", "dim"),
    [("conv4", "conv4", 256), ("pool3", "conv3", 128), ("objects", "conv5", 1000),
     ("scenes", "conv5_2", 401)],
)  # fmt: skip
def test_soundnet5_agrees_with_numpy(layer, name, dim, state, own):
    encoder = a2ibench.load_encoder("soundnet5", layer=layer, weights=str(own))
    feature = encoder(sound(6), RATE)
    expected = reference(state, sound(6))[name].mean(axis=0)
    assert feature.shape == (dim,) == (encoder.dim,)
    assert np.abs(feature - expected).max() < 1e-5 * np.abs(expected).max()


def test_twenty_seconds_are_four_frames_at_the_heads_of_soundnet5():
    assert SoundNet(SOUNDNET5, "conv4")(torch.zeros(1, 20 * RATE)).shape == (1, 256, 54)
    assert SoundNet(SOUNDNET5, "conv5")(torch.zeros(1, 20 * RATE)).shape == (1, 1000, 4)


@pytest.mark.parametrize("last", ["conv3", "conv4", "conv5"])
def test_the_shortest_waveform_of_soundnet5_gives_exactly_one_frame(last):
    network = SoundNet(SOUNDNET5, last).eval()
    assert network(torch.zeros(1, network.min_samples)).shape == (1, network.channels, 1)
    with pytest.raises(RuntimeError):
        network(torch.zeros(1, network.min_samples - 1))


def test_soundnet5_without_weights_says_how_to_get_them():
    with pytest.raises(UserError, match=r"soundnet5\.weights=FILE.*encoders train soundnet"):
        a2ibench.load_encoder("soundnet5")


def test_the_fingerprint_is_of_the_content_and_not_of_the_path(state, own, sound8_npy, tmp_path):
    def fingerprint(path, **options):
        return a2ibench.load_encoder("soundnet5", weights=str(path), **options).fingerprint()

    copy, other = tmp_path / "copy.safetensors", tmp_path / "other.safetensors"
    shutil.copy(own, copy)
    save_file({**state, "conv1.0.bias": state["conv1.0.bias"] + 1}, other)
    assert fingerprint(copy) == fingerprint(own)
    assert fingerprint(other) != fingerprint(own)
    assert fingerprint(own, layer="pool3") != fingerprint(own)
    given = a2ibench.load_encoder("soundnet8", weights=str(sound8_npy)).fingerprint()
    assert given == a2ibench.load_encoder("soundnet8").fingerprint()


def test_a_path_is_made_whole(own, tmp_path, monkeypatch):
    """A worker in another folder gets the same file."""
    monkeypatch.chdir(own.parent)
    encoder = a2ibench.load_encoder("soundnet5", weights=own.name)
    assert encoder.config.weights == str(own)


def test_a_file_is_converted_once_for_its_content(own, empty_cache):
    sha256, path = from_file(own, SOUNDNET5)
    assert sha256 == hashlib.sha256(own.read_bytes()).hexdigest()
    before = path.stat().st_mtime_ns
    assert from_file(own, SOUNDNET5) == (sha256, path)
    assert path.stat().st_mtime_ns == before
    assert path.is_relative_to(empty_cache)


@pytest.mark.parametrize("write", [as_port, as_pth, as_t7])
def test_a_port_whose_norms_were_never_converted_is_refused(write, state, tmp_path):
    broken = {
        key: torch.zeros_like(value) if key.endswith("mean")
        else torch.ones_like(value) if key.endswith("var")
        else value
        for key, value in state.items()
    }  # fmt: skip
    path = tmp_path / ("soundnet5_final.t7" if write is as_t7 else "soundnet5_final.pth")
    write(broken, SOUNDNET5, path)
    with pytest.raises(UserError, match=r"soundnet5_final\..*batch norms were never converted"):
        a2ibench.load_encoder("soundnet5", weights=str(path))


def changed(state, **new):
    """The state with some entries replaced, or left out where the value is None; __ is a dot."""
    named = {key.replace("__", "."): value for key, value in new.items()}
    return {key: value for key, value in {**state, **named}.items() if value is not None}


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ({"conv3__0__weight": torch.zeros(128, 64, 8)},
         r"conv3\.0\.weight: expected shape \(128, 64, 16\), got \(128, 64, 8\)"),
        ({"conv2__1__running_var": None}, r"no conv2\.1\.running_var of SoundNet-5"),
        ({"conv5__0__bias": None}, r"no conv5\.0\.bias of SoundNet-5"),
        ({"conv1__0__bias": torch.full((32,), torch.nan)}, r"conv1\.0\.bias: NaN or infinite"),
        ({"conv1__1__running_var": torch.full((32,), -1.0)}, "negative variance"),
        ({"conv1__0__bias": torch.zeros(32, dtype=torch.int64)}, "floating-point"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_refused_by_name(new, reason, state, tmp_path):
    path = tmp_path / "odd.safetensors"
    save_file(changed(state, **new), path)
    with pytest.raises(UserError, match=rf"odd\.safetensors: .*{reason}"):
        a2ibench.load_encoder("soundnet5", weights=str(path))


def test_the_weights_of_the_other_network_are_named(own, sound8_npy):
    with pytest.raises(UserError, match="weights of SoundNet-8; expected those of SoundNet-5"):
        a2ibench.load_encoder("soundnet5", weights=str(sound8_npy))
    with pytest.raises(UserError, match="weights of SoundNet-5; expected those of SoundNet-8"):
        a2ibench.load_encoder("soundnet8", weights=str(own))


def test_a_head_that_is_not_there_is_missed_only_by_who_asks_for_it(state, tmp_path):
    path = tmp_path / "objects.safetensors"
    save_file(changed(state, conv5_2__0__weight=None, conv5_2__0__bias=None), path)
    a2ibench.load_encoder("soundnet5", weights=str(path), layer="objects")
    with pytest.raises(UserError, match=r"objects\.safetensors: it has no conv5_2"):
        a2ibench.load_encoder("soundnet5", weights=str(path), layer="scenes")


class Malicious:
    """Unpickled by pickle itself, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("suffix", [".pth", ".npy"])
def test_a_malicious_file_is_refused_and_does_not_run(suffix, tmp_path):
    ran, path = tmp_path / "ran", tmp_path / f"evil{suffix}"
    content = {"conv1.0.weight": Malicious(ran)}
    torch.save(content, path) if suffix == ".pth" else np.save(path, content)
    with pytest.raises(UserError, match=rf"evil\{suffix}: refused"):
        a2ibench.load_encoder("soundnet5", weights=str(path))
    assert not ran.exists()


@pytest.mark.parametrize("suffix", [".npy", ".pth", ".t7", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_what_holds_no_weights_is_refused(suffix, content, tmp_path):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"bad\{suffix}"):
        a2ibench.load_encoder("soundnet8", weights=str(path))


@pytest.mark.parametrize(
    ("saved", "reason"),
    [
        ([torch.zeros(3)], "a dictionary of tensors, got list"),
        ({"conv1.0.weight": "text"}, "expected a dense tensor, got str"),
        ({"other": torch.zeros(3)}, r"no conv1\.0\.weight of SoundNet-5 in it; it has other"),
        ({"conv1.0.weight": torch.zeros(3, 3).to_sparse()}, "expected a dense tensor"),
        (
            {"conv1.0.weight": torch.zeros(3, dtype=torch.float8_e5m2)},
            r"conv1\.0\.weight: .* of 16, 32 or 64 bits, got torch\.float8_e5m2",
        ),
        ({"conv1.0.weight": torch.zeros(3, device="meta")}, r"dense tensor .*\(.*, meta\)"),
        ({"conv1.0.weight": torch.zeros(()).expand(1 << 40)}, "expected shape"),
        (
            {"conv1.0.weight": torch.zeros((), dtype=torch.bfloat16).expand(1 << 40)},
            r"dense tensor .* got torch\.bfloat16",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_a_pth_of_something_else_is_refused(saved, reason, tmp_path):
    path = tmp_path / "odd.pth"
    torch.save(saved, path)
    with pytest.raises(UserError, match=rf"odd\.pth: .*{reason}"):
        a2ibench.load_encoder("soundnet5", weights=str(path))


def test_a_torch7_network_of_other_modules_is_refused(state, tmp_path):
    path = tmp_path / "odd.t7"
    net = torch7_network(state, SOUNDNET5)
    modules = net.fields["modules"]
    for some, reason in [
        (modules[:6], "at least 9 convolutions and batch norms for SoundNet-5, got 4"),
        ([*modules[1:], modules[0]], r"conv1\.0: expected a Convolution module, got nn\.Spatial"),
        ([*modules, modules[0]._replace(fields=dict(modules[0].fields))], "a head of 32 channels"),
    ]:
        path.write_bytes(write_t7(Module("nn.Sequential", {"modules": some})))
        with pytest.raises(UserError, match=rf"odd\.t7: .*{reason}"):
            a2ibench.load_encoder("soundnet5", weights=str(path))


def test_a_file_of_no_known_kind_is_refused(tmp_path, own, monkeypatch):
    with pytest.raises(UserError, match=r"expected weights as \.npy, .*got '\.h5'"):
        a2ibench.load_encoder("soundnet5", weights=str(tmp_path / "a.h5"))
    with pytest.raises(UserError, match=r"nowhere\.t7: cannot be read \(No such file"):
        a2ibench.load_encoder("soundnet5", weights=str(tmp_path / "nowhere.t7"))
    monkeypatch.setattr(soundnet_weights, "MAX_BYTES", 1000)
    with pytest.raises(UserError, match="more than any SoundNet has"):
        a2ibench.load_encoder("soundnet5", weights=str(own))


def test_our_own_file_keeps_every_weight(state, own):
    _, path = from_file(own, SOUNDNET5)
    kept = plain(load_file(path))
    assert all(torch.equal(kept[key], value) for key, value in state.items())
