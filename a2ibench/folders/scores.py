"""Score a folder of pictures against a folder of real ones, without a dataset or a study."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.data.files.clip import SOUNDS as SOUND_FILES
from a2ibench.errors import UserError
from a2ibench.evaluation.hearing import embed_texts
from a2ibench.evaluation.judging import LoadedJudge, load_kept
from a2ibench.evaluation.metric_inputs import heard_by
from a2ibench.evaluation.picture_files import FORMATS, some
from a2ibench.folders.embedded_pictures import EmbeddedPictures, embed_pictures
from a2ibench.folders.embedded_sounds import embed_sound_files
from a2ibench.folders.metrics import Compared, Scored, choose, cut_in_halves, score
from a2ibench.folders.pairs import common_side, find_files, group, pair_names
from a2ibench.folders.reference_file import load_reference, save_reference
from a2ibench.folders.report import FAKE, HALVES, REAL, FolderScores, make_report
from a2ibench.runs.progress_display import Display
from a2ibench.types import DataKey, Spec

SOUNDS = "SOUNDS"
MATCH = ("match", "match_in_class")
"""Groups of metrics that compare a picture with its own partner or sound."""


@dataclass(frozen=True)
class Folders:
    """A request to score pictures against real ones.

    Attributes:
        real: folder of the real pictures; None where ``reference`` stands for it.
        fake: folder of the pictures to score, which have the names of the real ones.
        reference: file of what judges make of the real pictures: written if there is a folder of
            them, otherwise read.
        sounds: folder of the sounds that the pictures were drawn for, under the same names.
        metrics: names of metrics; none for the headline metrics that are possible.
        clips: regular expression that finds the clip in a name; see
            :func:`~a2ibench.folders.pairs.group`.
        resize: whether pictures of another size are resized instead of left out.
    """

    real: Path | None
    fake: Path
    reference: Path | None = None
    sounds: Path | None = None
    metrics: tuple[str, ...] = ()
    clips: str | None = None
    resize: bool = False


def score_folders(asked: Folders, display: Display) -> FolderScores:
    """Score pictures against the real ones of the same names.

    Raises:
        UserError: the folders or the reference cannot be used, no name is on all sides, or a metric
            that was asked for by name cannot be computed.
    """
    files, notes = _find_all(asked)
    kept = None
    if asked.real is None:
        assert asked.reference is not None
        kept = load_reference(asked.reference)
    real_names = kept.names if kept is not None else files[REAL]
    names, alone = pair_names({REAL: real_names, **files})
    metrics, _ = choose(asked.metrics, group(names, asked.clips), asked.sounds is not None)
    judges = _load_judges(metrics)
    if kept is not None:
        _check_judges(kept, judges, asked.reference)
    pictures = {side: one for side, one in files.items() if side != SOUNDS}
    size = common_side(pictures, asked.resize, None if kept is None else kept.size)

    def embed(side: str, chosen: Iterable[str]) -> EmbeddedPictures:
        show = display.counter(f"{side} as seen by {', '.join(judges)}")
        paths = {name: files[side][name] for name in chosen}
        return embed_pictures(paths, size, asked.resize, judges, side, show)

    with display.running():
        fake = embed(FAKE, names)
        if kept is None:
            # A reference serves folders with other names as well.
            kept = embed(REAL, names if asked.reference is None else files[REAL])
            if asked.reference is not None:
                save_reference(asked.reference, kept)
        usable: dict[str, Iterable[str]] = {REAL: kept.names, FAKE: fake.names}
        heard = None
        if asked.sounds is not None:
            hearing = {name: judges[name] for name in sorted(heard_by(metrics))}
            show = display.counter(
                f"{SOUNDS} as heard by {', '.join(hearing)}" if hearing else f"reading {SOUNDS}"
            )
            heard = embed_sound_files({n: files[SOUNDS][n] for n in names}, hearing, SOUNDS, show)
            usable[SOUNDS] = heard.names
        names, _ = pair_names(usable)
        groups = group(names, asked.clips)
        metrics, left_out = choose(asked.metrics, groups, heard is not None)
        pairs = Compared(
            generated=fake.take(names),
            real=kept.take(names),
            groups=groups,
            sounds={} if heard is None else heard.take(names),
            texts={
                metric.judge: embed_texts(judges[metric.judge], groups.classes)
                for metric in metrics
                if metric.reads_texts
            },
        )
        scored = _score_all(metrics, pairs, display)
    _insist(asked.metrics, scored[FAKE].left_out)
    notes += [*alone, *kept.notes, *fake.notes, *(() if heard is None else heard.notes)]
    notes += _copies(kept, fake, names)
    title = f"{asked.fake.resolve().name} against real pictures, {size} px"
    paths = [files[FAKE][name].relative_to(asked.fake).as_posix() for name in names]
    left_out = {**left_out, **scored[FAKE].left_out}
    return make_report(title, paths, groups, scored, left_out, notes)


def _find_all(asked: Folders) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """Return the files of each folder by their names, and notes on what was passed over."""
    if asked.real is None and asked.reference is None:
        raise UserError(f"give the folders {REAL} and {FAKE}, or {FAKE} and --reference FILE")
    if asked.real is not None and asked.real.resolve() == asked.fake.resolve():
        raise UserError(f"{asked.fake}: given as {REAL} and as {FAKE}")
    files, notes = {}, []
    for side, folder, suffixes, what in (
        (REAL, asked.real, FORMATS.keys(), "picture"),
        (FAKE, asked.fake, FORMATS.keys(), "picture"),
        (SOUNDS, asked.sounds, SOUND_FILES, "sound"),
    ):
        if folder is not None:
            files[side], passed_over = find_files(folder, suffixes, what)
            notes += [f"{side}: {passed_over}"] if passed_over else []
    return files, notes


def _score_all(metrics: Sequence[Metric], pairs: Compared, display: Display) -> dict[str, Scored]:
    """Score the pictures, and real ones in their place: their own partners where the match with the
    sound or class is asked for, else those of other clips."""
    scored = {FAKE: score(metrics, pairs, display.counter(f"scores of {FAKE}"))}
    done = [metric for metric in metrics if metric.name in scored[FAKE].scores]
    match = [metric for metric in done if metric.group in MATCH]
    if match:
        show = display.counter(f"scores of {REAL}")
        scored[REAL] = score(match, replace(pairs, generated=pairs.real), show)
    others = [metric for metric in done if metric.group not in MATCH]
    if others and (halves := cut_in_halves(pairs)) is not None:
        scored[HALVES] = score(others, halves, display.counter(f"scores of {HALVES}"))
    return scored


def _load_judges(metrics: Sequence[Metric]) -> dict[str, LoadedJudge]:
    judges = {}
    for name in sorted({metric.judge for metric in metrics}):
        loaded = load_kept(name, Spec(64, 0, ("",)), DataKey(""))
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
