"""Score a folder of pictures against a folder of real ones, without a dataset or a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.evaluation.embedded_pictures import (
    EmbeddedPictures,
    embed_pictures,
    load_reference,
    save_reference,
)
from a2ibench.evaluation.folder_metrics import choose, score, score_halves
from a2ibench.evaluation.folder_pairs import common_side, find_files, group, pair_names
from a2ibench.evaluation.judging import LoadedJudge, load_kept
from a2ibench.evaluation.picture_files import FORMATS, some
from a2ibench.runs.folder_report import FolderScores, make_report
from a2ibench.runs.progress_display import Display
from a2ibench.types import Spec

REAL, FAKE = "REAL", "FAKE"


@dataclass(frozen=True)
class Folders:
    """A request to score pictures against real ones.

    Attributes:
        real: folder of the real pictures; None where ``reference`` stands for it.
        fake: folder of the pictures to score, which have the names of the real ones.
        reference: file of what judges make of the real pictures: written if there is a folder of
            them, otherwise read.
        metrics: names of metrics; none for the headline metrics that are possible.
        clips: regular expression that finds the clip in a name; see
            :func:`~a2ibench.evaluation.folder_pairs.group`.
        resize: whether pictures of another size are resized instead of left out.
    """

    real: Path | None
    fake: Path
    reference: Path | None = None
    metrics: tuple[str, ...] = ()
    clips: str | None = None
    resize: bool = False


def score_folders(asked: Folders, display: Display) -> FolderScores:
    """Score pictures against the real ones of the same names.

    Raises:
        UserError: the folders or the reference cannot be used, no name is on both sides, or a
            metric that was asked for by name cannot be computed.
    """
    notes: list[str] = []
    kept, files = None, {}
    if asked.real is not None:
        if asked.real.resolve() == asked.fake.resolve():
            raise UserError(f"{asked.fake}: given as {REAL} and as {FAKE}")
        files = _find(asked.real, REAL, notes)
    elif asked.reference is not None:
        kept = load_reference(asked.reference)
    else:
        raise UserError(f"give the folders {REAL} and {FAKE}, or {FAKE} and --reference FILE")
    drawn = _find(asked.fake, FAKE, notes)
    names, alone = pair_names(
        tuple(files) if kept is None else kept.names, tuple(drawn), (REAL, FAKE)
    )
    metrics, _ = choose(asked.metrics, group(names, asked.clips))
    judges = _load_judges(metrics)
    if kept is not None:
        _check_judges(kept, judges, asked.reference)
    sides = {FAKE: drawn} if kept is not None else {REAL: files, FAKE: drawn}
    size = common_side(sides, asked.resize, None if kept is None else kept.size)

    def embed(chosen: Mapping[str, Path], side: str) -> EmbeddedPictures:
        show = display.counter(f"{side} as {', '.join(judges)} sees it")
        return embed_pictures(chosen, size, asked.resize, judges, side, show)

    with display.running():
        fake = embed({name: drawn[name] for name in names}, FAKE)
        if kept is None:
            # A reference serves folders with other names as well.
            kept = embed(files if asked.reference else {n: files[n] for n in names}, REAL)
            if asked.reference is not None:
                save_reference(asked.reference, kept)
    readable, _ = pair_names(kept.names, fake.names, (REAL, FAKE))
    groups = group(readable, asked.clips)
    metrics, left_out = choose(asked.metrics, groups)
    with display.running():
        seen, drew = kept.take(readable), fake.take(readable)
        scored = score(metrics, drew, seen, groups, display.counter(f"scores of {FAKE}"))
        _insist(asked.metrics, scored.left_out)
        bar = display.counter(f"scores of halves of {REAL}")
        halves = score_halves(metrics, seen, groups, bar)
    notes += [*alone, *kept.notes, *fake.notes, *_copies(kept, fake, readable)]
    paths = [drawn[name].relative_to(asked.fake).as_posix() for name in readable]
    title = f"{asked.fake.resolve().name} against real pictures, {size} px"
    left_out = {**left_out, **scored.left_out}
    return make_report(title, paths, groups, scored, halves, left_out, notes)


def _find(folder: Path, side: str, notes: list[str]) -> dict[str, Path]:
    files, passed_over = find_files(folder, FORMATS, "picture")
    if passed_over:
        notes.append(f"{side}: {passed_over}")
    return files


def _load_judges(metrics: Sequence[Metric]) -> dict[str, LoadedJudge]:
    judges = {}
    for name in sorted({metric.judge for metric in metrics}):
        loaded = load_kept(name, Spec(64, 0, ("",)), "")
        assert loaded is not None  # none is trained
        judges[name] = loaded
    return judges


def _check_judges(
    kept: EmbeddedPictures, judges: Mapping[str, LoadedJudge], path: Path | None
) -> None:
    """Refuse a reference that other judges have made."""
    for name, loaded in judges.items():
        theirs = kept.fingerprints.get(name)
        if theirs is None:
            raise UserError(
                f"{path}: made by {', '.join(kept.fingerprints)}, not by judge {name}; write it"
                " again with these metrics, or choose others with --metric"
            )
        if theirs != loaded.fingerprint:
            raise UserError(
                f"{path}: made by judge {name} with the fingerprint {theirs}; here it is"
                f" {loaded.fingerprint}; write it again"
            )


def _insist(asked: Sequence[str], left_out: Mapping[str, str]) -> None:
    for name in map(registry.metrics.canonical, asked):
        if name in left_out:
            raise UserError(f"metric {name}: {left_out[name]}; choose other metrics")


def _copies(real: EmbeddedPictures, fake: EmbeddedPictures, names: Sequence[str]) -> list[str]:
    known = set(real.digests)
    compared = set(names)
    same = [
        name
        for name, digest in zip(fake.names, fake.digests, strict=True)
        if digest in known and name in compared
    ]
    if not same:
        return []
    return [f"{FAKE}: {len(same)} of {len(names)} are copies of pictures in {REAL} ({some(same)})"]
