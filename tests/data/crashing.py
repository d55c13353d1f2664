"""A decoder that crashes on one file; in a module of its own, since other processes import it."""

import os
import signal
from pathlib import Path
from typing import Any

from a2ibench.data.files.clips import Clip
from a2ibench.data.files.cutting import Cut, Cutting, cut


def crash(root: Path, clip: Clip, cutting: Cutting) -> tuple[Cut, dict[str, Any]]:
    """As the real one, but for the source ``a1``."""
    if clip.source == "a1":
        os.kill(os.getpid(), signal.SIGSEGV)
    return cut(root / clip.file, cutting), {"file": clip.file}
