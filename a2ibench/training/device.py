"""The device of a trial and its precision."""

import contextlib
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import torch

from a2ibench.freed_memory import keep_freed_memory

M = TypeVar("M", bound=torch.nn.Module)

# cuBLAS reads it when it starts; without it, its matrix products are not deterministic.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def choose_device() -> torch.device:
    """Return the first visible GPU, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def place(model: M) -> M:
    """Move a model to its device, in the memory format that convolutions are fastest in."""
    return model.to(choose_device(), memory_format=torch.channels_last)  # type: ignore[call-overload]


def training_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the hardware multiplies it, else float32.

    On a processor without AVX-512 bf16 instructions bfloat16 is emulated and slower.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    has_bf16 = torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if has_bf16 else torch.float32


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """Return a context of mixed precision for a training step, off where it gains nothing.

    The cache of converted weights is off: a step that updates one network and then runs it again
    would see it as it was before the update.
    """
    dtype = training_dtype(device)
    enabled = dtype != torch.float32
    return torch.autocast(device.type, dtype=dtype, enabled=enabled, cache_enabled=False)


def make_deterministic(seed: int, device: torch.device) -> None:
    """Seed torch's generators and turn non-deterministic kernels off.

    On a processor the trial computes on one thread: the order of a parallel sum depends on the
    number of threads, and two trials on one thread each outrun one trial on two.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling each new tensor only makes a read before the first write visible.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    if device.type == "cpu":
        torch.set_num_threads(1)
        keep_freed_memory(2**30)


def describe(device: torch.device) -> dict[str, str | int]:
    """Return the hardware of a result, for its provenance."""
    import platform

    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": _processor_name() or platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": str(training_dtype(device)).removeprefix("torch."),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor_name() -> str | None:
    """Return the processor's name on Linux; None elsewhere."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        return next(names, None)
    return None
