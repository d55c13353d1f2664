"""Two folders of pictures in Python: one is scored against the other."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from a2ibench.config import several_names
from a2ibench.console import Console
from a2ibench.folders.report import FolderScores
from a2ibench.folders.scores import Folders, score_folders
from a2ibench.runs.progress_display import Display


def evaluate(
    real: "str | PathLike[str] | None",
    fake: "str | PathLike[str]",
    *,
    reference: "str | PathLike[str] | None" = None,
    sounds: "str | PathLike[str] | None" = None,
    metrics: "str | Sequence[str]" = (),
    clips: str | None = None,
    resize: bool = False,
    quiet: bool = False,
) -> FolderScores:
    """Score a folder of pictures against real ones of the same names, as ``a2ibench evaluate``.

    A metric or judge of your own is known once its file was imported.

    Args:
        real: folder of the real pictures; None to take the ``reference`` instead.
        fake: folder of the pictures to score. Sub-folders are classes.
        reference: file of what judges make of the real pictures: written if ``real`` is given,
            otherwise read.
        sounds: folder of the sounds that the pictures were drawn for, under the same names, for
            metrics whose judges hear.
        metrics: names, or ``"all"``; none for the headline metrics that are possible.
        clips: regular expression that finds the clip in a name, by its first group or all of it;
            None for the name without its last number, as far as that makes clips.
        resize: whether pictures of another size are resized (the middle square, Lanczos,
            antialiased) instead of left out.
        quiet: print no progress.

    Returns:
        An object with ``table``, ``scores`` and ``images`` (data frames), ``left_out``, and
        ``save(folder)``.

    Raises:
        UserError: the folders or the reference cannot be used, no name is on both sides, or a
            metric that was asked for by name cannot be computed.
    """
    asked = Folders(
        None if real is None else Path(real),
        Path(fake),
        None if reference is None else Path(reference),
        None if sounds is None else Path(sounds),
        several_names("metrics", metrics),
        clips,
        resize,
    )
    return score_folders(asked, Display(Console(quiet=quiet)))
