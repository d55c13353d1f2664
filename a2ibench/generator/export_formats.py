"""TorchScript and ONNX files of a generator: writers and readers."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from a2ibench.contracts.model import Model
from a2ibench.data.features import Standardiser
from a2ibench.training.draw import to_pixels
from a2ibench.types import FloatArray, ImageArray

FILES = {"torchscript": "generator.pt", "onnx": "generator.onnx"}
"""Format → file name."""

Arrays = Mapping[str, FloatArray]


class Drawing(nn.Module):
    """The exported network: it standardises a feature, draws, and rounds to 8 bits.

    Shapes: ``feature`` float32 ``[n, d]`` as the encoder gives it, ``noise`` float32
    ``[n, noise_dim]`` (absent where the method has none) → uint8 ``[n, S, S, 3]``.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, model: Model, standardiser: Standardiser) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.from_numpy(standardiser.mean))
        self.register_buffer("std", torch.from_numpy(standardiser.std))

    def forward(self, feature: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """See the class."""
        acoustic = ((feature.double() - self.mean) / self.std).float()
        return to_pixels(self.model.generate(acoustic, feature[:, :0] if noise is None else noise))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch, which calls TorchScript deprecated, warns of constants in a trace, and prints
    the traces of its own errors; here only the comparison of the pictures counts.
    """
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _write_torchscript(drawing: Drawing, inputs: Arrays, path: Path) -> None:
    # One row: a method's len() is traced as a constant, and 1 broadcasts to any number of rows.
    one = tuple(torch.from_numpy(value[:1]) for value in inputs.values())
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(drawing, one, check_trace=False)  # type: ignore[no-untyped-call]
        # Without the networks that do not draw. Nothing is merged: that would change the numbers.
        frozen = torch.jit.freeze(traced, optimize_numerics=False)
        torch.jit.save(frozen, path)


def _read_torchscript(path: Path) -> Callable[[Arrays], ImageArray]:
    with _quiet():
        loaded = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]

    def drawn(inputs: Arrays) -> ImageArray:
        with torch.no_grad():
            return loaded(*(torch.from_numpy(value) for value in inputs.values())).numpy()

    return drawn


def _write_onnx(drawing: Drawing, inputs: Arrays, path: Path) -> None:
    with _quiet(), torch.no_grad():
        program = _program(drawing, inputs)
        program = program.run_decompositions({torch.ops.aten.avg_pool2d.default: _avg_pool2d})
        written = torch.onnx.export(
            program,
            input_names=list(inputs),
            output_names=["images"],
            verbose=False,
            optimize=False,  # every runtime does that when it loads the file
        )
        assert written is not None
        written.save(path, external_data=False)


def _program(drawing: Drawing, inputs: Arrays) -> torch.export.ExportedProgram:
    """Trace the drawing for any number of rows. A strict export also follows ``len()``, and takes
    more than twice as long."""
    rows = torch.export.Dim("n")
    given = tuple(torch.from_numpy(value) for value in inputs.values())
    shapes = {name: {0: rows} for name in inputs}
    try:
        return torch.export.export(drawing, given, dynamic_shapes=shapes, strict=False)
    except Exception:  # of many kinds
        return torch.export.export(drawing, given, dynamic_shapes=shapes, strict=True)


def _avg_pool2d(
    x: torch.Tensor,
    kernel: list[int],
    stride: list[int] | tuple[()] = (),
    padding: list[int] | int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor:
    """Pool without a divisor, which ONNX lacks and torch's exporter drops silently."""
    if divisor_override is None or ceil_mode:
        return NotImplemented
    area = kernel[0] * kernel[-1]
    mean = F.avg_pool2d(x, kernel, stride or None, padding, count_include_pad=True)
    return mean * (area / divisor_override)


def _read_onnx(path: Path) -> Callable[[Arrays], ImageArray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def drawn(inputs: Arrays) -> ImageArray:
        (images,) = session.run(["images"], dict(inputs))
        return images

    return drawn


WRITERS = {"torchscript": _write_torchscript, "onnx": _write_onnx}
READERS = {"torchscript": _read_torchscript, "onnx": _read_onnx}
