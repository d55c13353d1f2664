"""The data card of a store: its content and origin, for people."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from a2ibench.data.store import LEFT_OUT, PairStore
from a2ibench.data.store_tables import REJECTED, SOURCES, read_side_table
from a2ibench.errors import counted

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("train", "test")


def card_of(store: PairStore) -> str:
    """Return the card of a store as it is used now, corrections included."""
    sources = read_side_table(store.root / "sources.parquet", SOURCES)
    rejected = read_side_table(store.root / "rejected.parquet", REJECTED)
    about = {**store.about, "classes": store.classes}
    used = store.index[store.index["split"] != LEFT_OUT]
    text = card(about, used, sources, rejected)
    if store.corrections:
        left = sum(not label for label in store.corrections.values())
        text += (
            f"\n## Corrections\n\n{counted(len(store.corrections) - left, 'label')} changed and"
            f" {counted(left, 'pair')} left out since; content now {store.content_hash}\n"
        )
    return text


def facts_of(store: PairStore) -> list[tuple[str, str]]:
    """Return the facts on a store that a report names, each with its heading."""
    sources = read_side_table(store.root / "sources.parquet", SOURCES)
    train, test = store.counts["train"], store.counts["test"]
    licences = [
        f"{licence} ({counted(files, 'file')}{f', for example {url}' if url else ''})"
        for licence, files, url in count_licences(sources)
    ]
    stated = [str(store.about.get("licence") or ""), *licences]
    return [
        ("pairs", f"{train:,} for training and judges, {test:,} for the test"),
        ("classes", ", ".join(store.classes)),
        ("pictures", f"{store.image_size} × {store.image_size} px"),
        ("licence", "; ".join(filter(None, stated)) or "not stated"),
    ]


def card(
    about: Mapping[str, Any],
    index: "pd.DataFrame",
    sources: "pd.DataFrame",
    rejected: "pd.DataFrame",
) -> str:
    """Return the card as Markdown.

    Args:
        about: the content of ``store.json``.
        index: one row per pair.
        sources: one row per file; may be empty.
        rejected: one row per file or segment that was left out, with the reason.
    """
    seconds = index["audio_length"] / about["sample_rate"]
    lines = [
        f"# {_text(about['dataset'])}",
        "",
        f"{len(index)} pairs of a sound and a picture, {index['source'].nunique()} sources,"
        f" {len(about['classes'])} classes. Pictures {about['image_size']} ×"
        f" {about['image_size']} px; sounds of {_range(seconds)} s, mono, 16 bit,"
        f" {about['sample_rate']:,} Hz.",
        "",
        f"Licence: {_text(about.get('licence') or '') or 'not stated'}",
        "",
        "## Classes",
        "",
        *_table(["class", "train pairs", "test pairs", "train sources", "test sources"], [
            [
                label,
                *((part["split"] == side).sum() for side in SIDES),
                *(part.loc[part["split"] == side, "source"].nunique() for side in SIDES),
            ]
            for label, part in index.groupby("label")
        ]),
    ]  # fmt: skip
    if labels := _labels(index):
        lines += ["", "## Labels", "", *labels]
    if len(sources):
        facts = [
            [name, ", ".join(f"{value} ({n})" for value, n in sources[name].value_counts().items())]
            for name in ("container", "video_codec", "audio_codec", "sample_rate", "channels")
            if name in sources and sources[name].notna().any()
        ]
        size = sources["bytes"].sum() if "bytes" in sources else 0
        hours = sources["seconds"].sum() / 3600 if "seconds" in sources else 0.0
        lines += [
            "",
            "## Files",
            "",
            f"{counted(len(sources), 'file')}, {size / 1e6:,.1f} MB, {hours:.2f} hours;"
            " the sha256 of each is in `sources.parquet`.",
            "",
            *_table(["", "value (files)"], facts),
        ]
    if licences := count_licences(sources):
        lines += ["", "## Licences of the files", ""]
        lines += _table(["licence", "files", "from, for example"], licences)
    if len(rejected) and "reason" in rejected:
        why = rejected["reason"].str.replace(r"\d[\d,.]*", "…", regex=True).value_counts()
        lines += [
            "",
            "## Rejected",
            "",
            f"Files or segments left out: {len(rejected):,}; each is in `rejected.parquet`.",
            "",
            *_table(
                ["reason", "files or segments"], [[reason, n] for reason, n in why.head(20).items()]
            ),
        ]
    if about.get("notes"):
        lines += ["", "## Notes", "", *(f"- {_text(note)}" for note in about["notes"])]
    made = {**about["config"], "version of the dataset": about["version"]}
    hashes = {**about["sha256"], "content": about["content_hash"]}
    lines += ["", "## Made with", "", *_table(["option", "value"], [*map(list, made.items())])]
    lines += ["", "## sha256 of the content", "", *_table(["", ""], [*map(list, hashes.items())])]
    return "\n".join(lines) + "\n"


def count_licences(sources: "pd.DataFrame") -> list[list[Any]]:
    """Return each licence of the files, with their number and the URL of one, most frequent first.

    Nothing where a store says nothing of its files; ``sources`` is its ``sources.parquet``.
    """
    columns = sources.reindex(columns=["licence", "url"]).astype("string").fillna("")
    if not (columns != "").to_numpy().any():
        return []
    return sorted(
        (
            [licence or "not stated", len(part), next(filter(None, part["url"]), "")]
            for licence, part in columns.groupby("licence")
        ),
        key=lambda line: -line[1],
    )


def _labels(index: "pd.DataFrame") -> list[str]:
    """Count the pairs with further labels, and those whose class is not heard or not seen."""
    lines = []
    if "labels" in index:
        lines.append(f"- Pairs with further labels: {index['labels'].notna().sum():,}.")
    for name, sense in (("audible", "heard"), ("visible", "seen")):
        if name in index:
            known = index[index[name].notna()]
            present = zip(known["label"], known[name], strict=True)
            absent = sum(label not in json.loads(classes) for label, classes in present)
            lines.append(
                f"- Of {len(known):,} pairs it is known what is {sense}: the class of {absent:,} is"
                " not."
            )
    return lines


def _range(values: "pd.Series[float]") -> str:
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return low if low == high else f"{low} to {high}"


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(_text(cell) for cell in line)} |" for line in lines]


def _text(value: Any) -> str:
    """Escape markup, both Markdown's and HTML's."""
    text = " ".join(str(value).split())
    for sign in "\\`*_[]|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
