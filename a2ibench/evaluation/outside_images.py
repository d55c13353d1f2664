"""Images that a system outside drew: which test segment each belongs to, strictly checked.

An image of segment ``row`` (its row in the pair store) is called ``<row>.png``, or ``<row>_0.png``.
Further ones of the same segment are ``<row>_1.png``, ``<row>_2.png``, …; the k-th images of all
segments ought to come from the same noise. The first image is scored; the next ``GRID_NOISES`` of
the grid segments of the evaluation set form the grid that diversity and sensitivity use.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from a2ibench.errors import UserError, counted
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.evaluation.picture_files import FORMATS, is_inside, read_checked, some
from a2ibench.types import ImageArray, IntArray, RejectedError

NAME = re.compile(r"(\d{1,9})(?:_(\d{1,4}))?", re.ASCII)

Files = dict[int, dict[int, Path]]
"""Row → k → file."""


@dataclass(frozen=True)
class Submission:
    """The images of one folder, checked.

    Attributes:
        folder: where they came from.
        images: uint8 ``[n, S, S, 3]``, the scored ones, in the order of the test segments.
        grid: uint8 ``[A, Z, S, S, 3]``; None where it is not complete.
        notes: facts that a reader of the scores must know.
    """

    folder: Path
    images: ImageArray
    grid: ImageArray | None
    notes: tuple[str, ...]


def hash_images(images: ImageArray, grid: ImageArray | None) -> str:
    """Return the sha256 of all images of a submission."""
    digest = hashlib.sha256()
    for part in (images, grid):
        if part is not None:
            digest.update(repr(part.shape).encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def read_submission(
    folder: Path,
    mapping: Path | None,
    rows: IntArray,
    grid_rows: IntArray,
    size: int,
    resize: bool,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Submission:
    """Read and check the images of one folder.

    Greyscale, palette and opaque RGBA images are converted to RGB and counted in the notes. Images
    with transparent pixels, 16 bits a sample, or several frames are refused: there is more than one
    way to turn them into 8-bit RGB.

    Args:
        folder: the images.
        mapping: a csv file with the columns ``image`` (relative to the folder) and ``row``; the
            lines of one row in the order of k. None for file names that say it.
        rows: int64 ``[n]``, the rows of the test segments in the store, in order.
        grid_rows: int64 ``[A]``, positions among them.
        size: S, the side of the dataset's images.
        resize: whether images of another size are resized (the middle square, Lanczos,
            antialiased) instead of refused.
        progress: called with the images read so far and in total.

    Raises:
        UserError: an image that is missing, unknown, there twice, damaged, or of another kind or
            size, by name; a path that leaves the folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of images")
    files = images_by_name(folder) if mapping is None else _by_map(folder, mapping)
    where = folder if mapping is None else mapping
    known = set(rows.tolist())
    refuse_all(where, [f"row {row} is no test segment" for row in sorted(files.keys() - known)])
    refuse_all(
        where,
        [f"no image of row {row} ({row}.png)" for row in rows.tolist() if 0 not in files[row]],
        f"{sum(0 in files[row] for row in known)} of {len(rows)} test segments have one;"
        " --export-list names them",
    )
    notes = []
    chosen = [files[row][0] for row in rows.tolist()]
    several = any(k > 0 for ks in files.values() for k in ks)
    draws = range(1, GRID_NOISES + 1)
    gaps = [
        f"{row}_{k}.png" for row in rows[grid_rows].tolist() for k in draws if k not in files[row]
    ]
    if not several:
        notes.append("one image per segment: metrics of diversity and sensitivity are left out")
    elif gaps:
        notes.append(
            f"the grid lacks {counted(len(gaps), 'image')} ({some(gaps)}): metrics of diversity and"
            " sensitivity are left out"
        )
    else:
        chosen += [files[row][k] for row in rows[grid_rows].tolist() for k in draws]
        notes.append("sensitivity takes the k-th images of all segments as drawn from one noise")
    read, converted = read_images(chosen, folder, size, resize, progress)
    notes += [f"{counted(count, 'image')} {what}" for what, count in sorted(converted.items())]
    images, rest = read[: len(rows)], read[len(rows) :]
    notes += _look_odd(images, rows)
    grid = rest.reshape(len(grid_rows), GRID_NOISES, *read.shape[1:]) if len(rest) else None
    return Submission(folder, images, grid, tuple(notes))


def images_by_name(folder: Path) -> Files:
    """Find the images of a folder, which holds nothing else but hidden files, by their names."""
    files: Files = defaultdict(dict)
    wrong = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        match = NAME.fullmatch(path.stem)
        if match is None or path.suffix.lower() not in FORMATS or not path.is_file():
            wrong.append(f"{path.name}: expected <row>.png or <row>_<k>.png")
        elif not is_inside(path, folder):
            wrong.append(f"{path.name}: a link that leaves the folder")
        else:
            row, k = int(match[1]), int(match[2] or 0)
            if k in files[row]:
                wrong.append(f"{path.name} and {files[row][k].name}: both are image {k} of {row}")
            files[row][k] = path
    refuse_all(folder, wrong)
    return files


def _by_map(folder: Path, mapping: Path) -> Files:
    import pandas as pd

    try:
        table = pd.read_csv(mapping, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise UserError(f"{mapping}: not a csv file that can be read ({error})") from error
    if not {"image", "row"} <= set(table.columns):
        raise UserError(
            f"{mapping}: expected the columns image,row; got {','.join(map(str, table.columns))}"
        )
    files: Files = defaultdict(dict)
    wrong, seen = [], set()
    for line, (image, row) in enumerate(zip(table["image"], table["row"], strict=True), start=2):
        path = folder / image
        if not re.fullmatch(r"\d{1,9}", row.strip(), re.ASCII):
            wrong.append(f"line {line}: {row!r} is no row")
        elif not image or "\0" in image or Path(image).is_absolute() or not is_inside(path, folder):
            wrong.append(f"line {line}: {image!r} leaves the folder {folder}")
        elif not path.is_file() or path.suffix.lower() not in FORMATS:
            wrong.append(f"line {line}: {image!r}: no such image in {folder}")
        elif path.resolve() in seen:
            wrong.append(f"line {line}: {image!r} is there twice")
        else:
            seen.add(path.resolve())
            of_row = files[int(row)]
            of_row[len(of_row)] = path
    refuse_all(mapping, wrong)
    return files


def read_images(
    paths: Sequence[Path],
    folder: Path,
    size: int,
    resize: bool,
    progress: Callable[[int, int], None],
) -> tuple[ImageArray, Mapping[str, int]]:
    """Return the images, uint8 ``[m, S, S, 3]``, and how many were converted in which way."""
    read = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    converted: Counter[str] = Counter()
    wrong = []
    for i, path in enumerate(paths):
        try:
            read[i], done = read_checked(path, size, resize)
            converted.update(done)
        except RejectedError as error:
            wrong.append(f"{path.relative_to(folder)}: {error}")
        progress(i + 1, len(paths))
    refuse_all(folder, wrong)
    return read, converted


def _look_odd(images: ImageArray, rows: IntArray) -> list[str]:
    """Note what is no mistake but should not go unseen."""
    flat = images.reshape(len(images), -1, 3)
    constant = rows[(flat == flat[:, :1]).all(axis=(1, 2))].tolist()
    notes = []
    if constant:
        notes.append(f"{counted(len(constant), 'image')} of one colour (rows {some(constant)})")
    distinct = len({image.tobytes() for image in images})
    if distinct < len(images):
        notes.append(f"only {distinct} of {len(images)} images differ from each other")
    return notes


def refuse_all(where: Path, wrong: Sequence[str], hint: str = "") -> None:
    """Raise one error that names the first few mistakes."""
    if wrong:
        raise UserError(f"{where}: {some(wrong, '; ')}{f' ({hint})' if hint else ''}")
