"""Verify the bytes of a store against their hashes, once per machine.

Features, judges and results are kept under the hash in ``store.json``. Nothing is computed from a
store before its bytes are known to have that hash: a damaged copy would leave wrong features behind
for the intact one.
"""

from a2ibench.data.store import DamagedError, PairStore
from a2ibench.errors import UserError
from a2ibench.storage import cache_dir, content_key, write_json

FILES = ("images.npy", "audio.npy", "index.parquet")


def verify(store: PairStore) -> None:
    """Refuse a store whose bytes are not those that were written.

    All bytes are read and hashed when a store is first used on a machine. The cache then remembers
    its folder and the size, times and inode of its files, and later calls compare only these.

    Raises:
        DamagedError: a file holds other bytes; the message names it and both hashes.
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
    """Read all bytes and return the files whose content has changed, with their present hashes.

    The outcome is remembered for :func:`verify`.
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
    except UserError:  # the cache cannot be made, and whoever needs it will say so
        return False


def _record(state: str, sound: bool) -> None:
    """Leave an empty record for a sound store; do nothing in a cache that cannot be written."""
    try:
        path = cache_dir("verified") / f"{state}.json"
        if sound:
            write_json(path, {})
        else:
            path.unlink(missing_ok=True)
    except (OSError, UserError):
        return
