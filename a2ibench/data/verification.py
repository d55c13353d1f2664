"""Whether the bytes of a store are those that were written: all are read once, and remembered.

Features, judges and results are kept by the hash that ``store.json`` declares. So nothing is
computed from a store before its bytes are known to have that hash: a damaged copy would leave wrong
features behind for the intact one.
"""

from a2ibench.data.store import DamagedError, PairStore
from a2ibench.errors import UserError
from a2ibench.storage import cache_dir, content_key, write_json

FILES = ("images.npy", "audio.npy", "index.parquet")


def verify(store: PairStore) -> None:
    """Refuses a store whose bytes are not those that were written.

    They are read and hashed the first time that a store is used on a machine. The cache remembers
    where it lies, and the size, times and inode of its files: as long as these are the same, only
    they are looked at.

    Raises:
        UserError: a file holds other bytes; the message names it, and what was expected.
    """
    state = _state(store)
    if _recorded(state):
        return
    for name, found in changed_files(store).items():
        expected = store.about["sha256"][name]
        raise DamagedError(
            f"{store.root / name}: damaged: expected content with sha256 {expected[:16]}…"
            f" (store.json), got {found[:16]}…; put an intact copy in its place, or remove the"
            " folder and prepare the dataset again"
        )


def changed_files(store: PairStore) -> dict[str, str]:
    """Reads all bytes: the files whose content is not what was written, with the hash it has now.

    What is found is remembered for :func:`verify`.
    """
    before = _state(store)
    found = store.hash_files()
    changed = {name: value for name, value in found.items() if value != store.about["sha256"][name]}
    if before == _state(store):  # nobody wrote meanwhile
        _record(before, sound=not changed)
    return changed


def _state(store: PairStore) -> str:
    files = []
    for name in FILES:
        stat = (store.root / name).stat()
        files.append([name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino])
    return content_key([str(store.root.resolve()), files, dict(store.about["sha256"])])


def _recorded(state: str) -> bool:
    try:
        return (cache_dir("verified") / f"{state}.json").is_file()
    except UserError:  # a cache that cannot be made: what needs it will say so
        return False


def _record(state: str, sound: bool) -> None:
    """Leaves an empty record; a cache that cannot be written remembers nothing."""
    try:
        path = cache_dir("verified") / f"{state}.json"
        if sound:
            write_json(path, {})
        else:
            path.unlink(missing_ok=True)
    except (OSError, UserError):
        return
