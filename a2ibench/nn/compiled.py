"""Import librosa with a folder for the machine code of its functions.

numba compiles them and keeps the result beside librosa or in the user's cache folder. Where neither
can be written it fails in the middle of an import; then the cache of the bench takes it, or else
a temporary folder of the process.
"""

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.storage import cache_dir

PLACE = "NUMBA_CACHE_DIR"


def place_compiled_code() -> Path | None:
    """Give numba a folder if it finds none by itself, and return it.

    ``NUMBA_CACHE_DIR`` in the environment holds it, for this process and those that it starts.
    """
    if any(map(_takes_files, _usual_places())):
        return None
    try:
        folder = cache_dir("numba")
    except UserError:
        folder = None
    if folder is None or not _takes_files(folder):
        # A fixed name in a shared folder could hold code of somebody else's.
        folder = Path(tempfile.mkdtemp(prefix="a2ibench-numba-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[PLACE] = str(folder)
    if "numba" in sys.modules:  # it has read the environment already
        sys.modules["numba"].config.CACHE_DIR = str(folder)
    return folder


def _usual_places() -> list[Path]:
    import platformdirs

    given = os.environ.get(PLACE)
    spec = importlib.util.find_spec("librosa")
    beside = [Path(spec.origin).parent / "core" / "__pycache__"] if spec and spec.origin else []
    own = Path(platformdirs.user_cache_dir("numba", appauthor=False))
    return [*([Path(given)] if given else []), *beside, own]


def _takes_files(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


place_compiled_code()

import librosa as librosa  # noqa: E402  # after numba knows where
