"""The machine: processors, memory, GPUs, disks, limits."""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from a2ibench.doctor.line import Line
from a2ibench.errors import UserError, told
from a2ibench.storage import cache_dir, nearest_existing

GB = 1e9
MIN_DISK = 1.0
"""GB, below which not even the default study fits."""
SCARCE_DISK = 5.0
"""GB, below which a few studies fill the disk."""
MIN_FILES = 1_024
SIGNS = "✓ − Ĩ"
"""Some characters of tables and messages."""


def look(studies: Path) -> Iterator[Line]:
    """Yield the lines on the machine, with the disk of a folder of studies."""
    yield _processors()
    yield _memory()
    yield from _gpus()
    try:
        yield _disk("disk of the cache", cache_dir(), "set A2IBENCH_CACHE to a larger one")
    except (OSError, UserError) as error:
        advice = "set A2IBENCH_CACHE to a folder that can be written"
        yield Line("disk of the cache", "broken", told(error), advice)
    yield _disk("disk of the studies", studies, "choose another folder with --out")
    yield _disk("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a larger one")
    yield _sockets()
    yield _files()
    yield _signs()


def _processors() -> Line:
    import joblib

    usable, there = joblib.cpu_count(), os.cpu_count()
    found = f"{usable} usable of {there}, {platform.machine()}, {platform.system()}"
    if usable < 2:
        return Line("processors", "lacking", found, "trials run one after the other")
    return Line("processors", "fine", found)


def _memory() -> Line:
    import psutil

    from a2ibench.runs.memory_estimate import WORKER_BYTES

    memory = psutil.virtual_memory()
    found = f"{memory.available / GB:.1f} GB available of {memory.total / GB:.1f}"
    if memory.available < WORKER_BYTES:
        advice = f"a trial needs {WORKER_BYTES / GB:.1f} GB: end other programs"
        return Line("memory", "broken", found, advice)
    return Line("memory", "fine", found)


def _gpus() -> Iterator[Line]:
    try:
        import torch
    except Exception:
        return  # torch has a line of its own
    cuda = torch.version.cuda
    if not torch.cuda.is_available():
        built = f"torch is built for CUDA {cuda}" if cuda else "torch is built for the processor"
        advice = "studies run on the processor, at the small scale"
        if _driver_sees_gpus():
            advice = "there is a GPU: install a torch build that its driver takes"
        yield Line("GPU", "lacking", f"none that torch can use; {built}", advice)
        return
    for number in range(torch.cuda.device_count()):
        try:
            free, total = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        except Exception as error:
            advice = "`nvidia-smi` says more; CUDA_VISIBLE_DEVICES leaves it out"
            yield Line(f"GPU {number}", "broken", told(error), advice)
            continue
        found = f"{name}, {free / GB:.1f} GB free of {total / GB:.1f}; CUDA {cuda}, cuDNN {cudnn}"
        yield Line(f"GPU {number}", "fine", found)


def _driver_sees_gpus() -> bool:
    import pynvml

    try:
        pynvml.nvmlInit()
        count: int = pynvml.nvmlDeviceGetCount()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return False
    return count > 0


def _disk(title: str, folder: Path, advice: str) -> Line:
    """Examine the room in a folder, which may not exist yet, and whether it can be written."""
    import shutil

    there = nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(b"a2ibench")
            probe.flush()
        free = shutil.disk_usage(there).free / GB
    except OSError as error:
        return Line(title, "broken", f"cannot be written: {told(error)}", advice)
    found = f"{free:.1f} GB free"
    if free >= SCARCE_DISK:
        return Line(title, "fine", found)
    return Line(title, "broken" if free < MIN_DISK else "lacking", found, advice)


def _sockets() -> Line:
    """Examine whether the path for the sockets of Ray, the default executor, is short enough."""
    from a2ibench.runs.executors.ray_cluster import check_local

    title = "temporary files of Ray"
    try:
        check_local()
    except UserError as error:
        found, _, advice = str(error).rpartition("; ")
        return Line(title, "broken", found, advice)
    return Line(title, "fine", "a short path, as its sockets need")


def _files() -> Line:
    if sys.platform == "win32":
        return Line("open files", "fine", "no limit of this kind here")
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return Line("open files", "fine", "no limit")
    if limit < MIN_FILES:
        advice = "Ray opens hundreds: ulimit -n 4096"
        return Line("open files", "lacking", f"{limit} at once", advice)
    return Line("open files", "fine", f"{limit} at once")


def _signs() -> Line:
    encoding = sys.stdout.encoding or "ascii"
    try:
        SIGNS.encode(encoding)
    except UnicodeEncodeError:
        advice = "set PYTHONUTF8=1, or a locale such as C.UTF-8"
        return Line("signs on the terminal", "lacking", encoding, advice)
    return Line("signs on the terminal", "fine", encoding)
