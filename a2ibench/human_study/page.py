"""The page of a forced-choice study: one file, no network, no hint of what is compared."""

from pathlib import Path

from a2ibench.data.store import PairStore
from a2ibench.errors import UserError
from a2ibench.human_study.trials import KEY, Trials
from a2ibench.media.data_uris import picture_uri, sound_uri
from a2ibench.reporting.html_page import write_html
from a2ibench.storage import atomic_write

PAGE = "study.html"
APART = 5
"""Smallest number of trials between a trial and its repeat, if there are enough trials."""


def write_study(trials: Trials, store: PairStore, title: str, question: str, folder: Path) -> None:
    """Write the page, which works when opened from a disk, and the key.

    Each participant gets an order of their own, which follows from their code. At most ten seconds
    of each sound are played. Texts are escaped wherever they appear.

    Raises:
        UserError: the folder holds another study, whose answers the new key could not score.
    """
    key, path = trials.key, folder / KEY
    text = key.model_dump_json(indent=1) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"{folder}: holds another study; choose another --out")
    # Sounds are named by their place among the trials: a row of the store would reveal too much.
    names = {row: str(i) for i, row in enumerate(dict.fromkeys(t.row for t in key.trials))}
    data = {
        "study": key.study,
        "apart": APART,
        "answers": ["left", "right", *(["tie"] if key.ties else [])],
        "sounds": {
            name: sound_uri(store.waveform(row), store.sample_rate) for row, name in names.items()
        },
        "trials": [
            {
                "id": trial.id,
                "sound": names[trial.row],
                "left": picture_uri(trials.pictures[trial.id][0]),
                "right": picture_uri(trials.pictures[trial.id][1]),
                "after": trial.of,
            }
            for trial in key.trials
        ],
    }
    write_html(
        "human_study.html.j2",
        folder / PAGE,
        title=title,
        question=question,
        trials=len(key.trials),
        ties=key.ties,
        data=data,
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
