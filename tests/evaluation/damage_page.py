"""Writes the matrix of known damage: ``python tests/evaluation/damage_page.py FOLDER``."""

import sys
from pathlib import Path

import numpy as np
from damage import DAMAGES, EXPECTED, KNOWN, TOLERANCE, Case, perfect, verdict

from a2ibench import __version__, config, registry
from a2ibench.contracts.metric import OWN
from a2ibench.data.prepare import open_dataset
from a2ibench.evaluation.eval_set import GRID_NOISES
from a2ibench.evaluation.evaluate import MetricResult, default_metrics, evaluate, load_judges
from a2ibench.runs.trial_data import open_data
from a2ibench.types import DataKey

SEED = 0
ENCODER = "soundnet8"
ARROWS = {"worse": "↘", "same": "=", "better": "↗"}

INTRO = """# Known damage

What each metric says when pictures are damaged in a known way. Made by

    python tests/evaluation/damage_page.py {folder}

with a2ibench {version}, on `synthetic` with its defaults: {n} test pairs of {classes} classes at
{size} px, encoder `{encoder}`, judges trained on {judging} other pairs, one seed ({seed}) of the
damage. *Undamaged* are the real test images themselves; pictures that are drawn several times
({grid} sounds × {noises} noises, for diversity and sensitivity) are those of a perfect generator:
what is heard (`rate`, `pitch`, `level`) as it is, the rest (`hue`, `shade`, `camera`) by chance.

Each cell is the score, and what it says against the undamaged one: {worse} worse, {same} the same,
{better} better. It is the same where the change is below {tolerance:.0%} of the metric's range in
this matrix, or where its 95 % interval over the blocks of test clips holds 0. **Bold with !** is
what was not expected; where nothing was expected, the sign is in brackets. Whatever differs is a
finding on the metric: what is expected was written down before, and one entry was withdrawn
afterwards (`audio_sensitivity_inclass_lite0` does change where pictures of all classes are
shuffled).

| damage | what is done |
|---|---|
| jpeg 95, jpeg 5 | compressed by that quality and read again; 95 is harmless |
| blur | a Gaussian with σ = 1/20 of the side |
| noise | white, σ = 40 grey levels, another one for each picture |
| colours | red, green and blue change places |
| other class | the pictures of segments of the next class |
| shuffled | the pictures of other segments, any |
| shuffled in class | the pictures of other segments of the class |
| one class | the first class as it is; its pictures at random for all other classes |
| few images | five real pictures a class, at random |
| one image | one real picture a class |
| copies | the training images with the nearest sounds |
| deaf | shuffled; in the grid, the same pictures for every sound |
| no noise | in the grid, one picture a sound; else undamaged |
"""


def main(folder: Path) -> None:
    store = open_dataset("synthetic", {})
    plugin = registry.encoders.get(ENCODER)
    encoder = plugin(config.build(plugin.Config, {}, ENCODER))
    data = open_data(store, encoder)
    exam = data.eval_set
    choice = default_metrics(exam.test, every=True)
    metrics = [m for name in choice.names if (m := registry.metrics.get(name)).judge != OWN]
    metrics.sort(key=lambda metric: (metric.group, metric.column, metric.name))
    judges = load_judges(metrics, data.judging, DataKey(store.content_hash, ENCODER), say)
    whole = perfect(exam, GRID_NOISES, np.random.default_rng(SEED))
    scores = {"undamaged": evaluate(whole, exam, metrics, judges)}
    for name, damage in DAMAGES.items():
        say(name)
        damaged = damage(Case(exam, whole, np.random.default_rng(SEED)))
        scores[name] = evaluate(damaged, exam, metrics, judges)
    about = INTRO.format(
        folder=folder, version=__version__, n=len(exam.test), classes=len(exam.test.classes),
        size=store.image_size, encoder=ENCODER, judging=len(data.judging), seed=SEED,
        grid=len(exam.grid_rows), noises=GRID_NOISES, tolerance=TOLERANCE, **ARROWS,
    )  # fmt: skip
    lines, findings = [about], []
    for group in dict.fromkeys(metric.group for metric in metrics):
        own = [metric for metric in metrics if metric.group == group]
        lines += ["", f"## {group.replace('_', ' ')}", ""]
        lines += ["| metric | n | undamaged | " + " | ".join(DAMAGES) + " |"]
        lines += ["|---" * (3 + len(DAMAGES)) + "|"]
        for metric in own:
            row = {name: marked[metric.name] for name, marked in scores.items()}
            values = [marked.score.value for marked in row.values()]
            undamaged = row.pop("undamaged")
            cells = []
            for name, marked in row.items():
                said = verdict(type(metric), undamaged, marked, max(values) - min(values))
                due = EXPECTED.get(metric.name, {}).get(name)
                cells.append(_cell(marked, said, due))
                if due is not None and said != due:
                    why = KNOWN.get((metric.name, name), "a copy is nearly right: a small change")
                    why = why if (metric.name, name) in KNOWN or name == "copies" else "unexplained"
                    findings.append(
                        f"- `{metric.name}`, {name}: {undamaged.score.value:.3g} →"
                        f" {marked.score.value:.3g}; expected: {due}, said: {said} ({why})"
                    )
            arrow = "↑" if metric.higher_is_better else "↓"
            lines.append(
                f"| `{metric.name}` v{metric.version} {arrow} | {undamaged.score.n} |"
                f" {undamaged.score.value:.3g} | " + " | ".join(cells) + " |"
            )
    checked = sum(len(EXPECTED.get(metric.name, {})) for metric in metrics)
    lines += ["", "## Not as expected", "", f"{len(findings)} of {checked} cells.", "", *findings]
    parts = {name: marked["factors_lite0"].score.parts for name, marked in scores.items()}
    lines += ["", "## Factors", "", "`factors_lite0` counts " + _names(parts["undamaged"]) + "."]
    lines += ["", f"Undamaged: {_parts(parts['undamaged'])}."]
    figures = {name: dict(judge.figures) for name, judge in judges.items() if judge.figures}
    lines += ["", "## Judges", ""]
    lines += [f"- `{name}`: {_parts(value)}" for name, value in figures.items()]
    missing = [metric.name for metric in metrics if metric.name not in EXPECTED]
    lines += ["", "Without an expectation: " + (_names(missing) or "none") + "."]
    lines += ["Left out: " + (_names(choice.left_out) or "none") + "."]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(marked: MetricResult, said: str, due: str | None) -> str:
    text = f"{marked.score.value:.3g}"
    if due is None:
        return f"{text} ({ARROWS[said]})"
    return f"{text} {ARROWS[said]}" if said == due else f"**{text} {ARROWS[said]}!**"


def _names(names) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _parts(parts) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in parts.items())


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
