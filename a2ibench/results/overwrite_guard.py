"""Owner of a folder: a study is written into a folder of its own, and over no file of others."""

import re
from pathlib import Path

from a2ibench.errors import UserError
from a2ibench.results.job_state import CHECKPOINT, ORIGIN
from a2ibench.results.progress import PROGRESS
from a2ibench.results.result_file import JOBS, RESULT
from a2ibench.results.study import ABOUT, AS_RUN, NAME

MAX_SHOWN = 3
"""Largest number of names of a folder's content that a message gives."""


def check_own(folder: Path, *marks: str) -> None:
    """Refuse a folder that holds something, and no study.

    One that holds nothing but a ``study.yaml``, which may be the user's, is as good as empty.
    ``marks`` are names of files or folders of which one is enough; by default those of a study.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder (--out)")
    free = {NAME, AS_RUN, PROGRESS}
    others = sorted(
        path.name
        for path in folder.iterdir()
        if path.name not in free and not path.name.startswith(".")
    )
    marked = any((folder / name).exists() for name in marks) if marks else is_study(folder)
    if not others or marked:
        return
    shown = ", ".join(others[:MAX_SHOWN]) + (", …" if len(others) > MAX_SHOWN else "")
    what = "nothing of ours" if marks else "no study"
    raise UserError(
        f"{folder}: holds other files ({shown}) and {what}; nothing was written there: give a new"
        " folder (--out)"
    )


def check_own_root(root: Path) -> None:
    """Refuse a folder for several studies that holds something, and none of them."""
    if not (root.is_dir() and any(map(is_study, root.glob("[!.]*/")))):
        check_own(root)
    check_overview(root)


def is_study(folder: Path) -> bool:
    """Return whether a folder is a study's: it has a ``study.json``, be it damaged, or jobs."""
    if (folder / ABOUT).is_file() or any(folder.glob(f"{ABOUT}.damaged*")):
        return True
    left = (RESULT, ORIGIN, CHECKPOINT)
    return any(any(folder.glob(f"{JOBS}/*/{name}")) for name in left)


def check_overview(root: Path) -> None:
    """Refuse to write an overview of studies over files that somebody else wrote."""
    from pyarrow import ArrowException, parquet

    heads = {
        "report.html": re.compile(r"<title>[^<]*: overview</title>"),
        "overview.md": re.compile(r"\A# Overview\n\n\| dataset \| encoder \|"),
    }
    foreign = [
        name
        for name, head in heads.items()
        if (root / name).exists() and not head.search(_head(root / name))
    ]
    long = root / "results.parquet"
    if long.exists():
        try:
            names = parquet.read_schema(long.absolute()).names
        except (ArrowException, OSError, ValueError):
            names = ["damaged"]
        if names and names[0] != "study":
            foreign.append(long.name)
    if foreign:
        raise UserError(
            f"{root}: {', '.join(foreign)} would be overwritten, and is no overview of studies;"
            " move it, or give one of the studies"
        )


def _head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.read(4_096)
    except (OSError, ValueError):
        return ""
