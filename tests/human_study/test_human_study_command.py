"""``a2ibench human-study``: a page for people, and their answers scored."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from a2ibench.cli import main
from a2ibench.human_study.answers import COLUMNS


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("human") / "made"
    done = call(
        "human-study", "make", small_study, "--arms", "vae,class mean", "--trials", "10",
        "--checks", "5", "--repeats", "3", "--title", "</script><img src=x onerror=alert(1)>",
        "--out", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def answer(made: Path, path: Path, prefer: str, attentive: bool = True) -> Path:
    """A participant who always prefers one arm, on whichever side it stands."""
    key = json.loads((made / "key.json").read_text())
    answers = []
    for trial in key["trials"]:
        wanted = prefer
        if trial["kind"] == "attention":
            wanted = "real" if attentive else "other"
        side = "left" if trial["left"] == wanted else "right"
        answers.append({"trial": trial["id"], "choice": side, "milliseconds": 900, "plays": 1})
    record = {
        "format": 1, "study": key["study"], "participant": path.stem,
        "started": "2026-01-01T00:00:00.000Z", "answers": answers,
    }  # fmt: skip
    path.write_text(json.dumps(record))
    return path


def test_the_page_says_nothing_about_what_is_compared_and_its_texts_are_inert(made: Path) -> None:
    page = (made / "study.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;/script&gt;&lt;img" in page
    assert page.count("</script>") == 2
    for secret in ("vae", "class mean", "attention", "baseball"):
        assert secret not in re.sub(r"base64,[A-Za-z0-9+/=]*", "", page)
    assert not re.search(r"https?://", page)
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    assert len(data["trials"]) == 18
    repeats = [trial for trial in data["trials"] if trial["after"] is not None]
    for again in repeats:
        (first,) = [trial for trial in data["trials"] if trial["id"] == again["after"]]
        assert (again["left"], again["right"]) == (first["right"], first["left"])
        assert again["sound"] == first["sound"]


def test_sides_are_balanced_and_the_same_seed_makes_the_same_study(
    made: Path, small_study: Path, tmp_path: Path
) -> None:
    trials = json.loads((made / "key.json").read_text())["trials"]
    compared = [trial for trial in trials if trial["kind"] == "compare"]
    assert sum(trial["left"] == "vae" for trial in compared) == 5
    assert all(trial["clip"] for trial in compared)
    assert len({trial["row"] for trial in compared}) == 10
    arguments = ["human-study", "make", small_study, "--arms", "vae,class mean", "--trials", "10",
                 "--checks", "5", "--repeats", "3"]  # fmt: skip
    assert call(*arguments, "--out", tmp_path).exit_code == 0
    assert (tmp_path / "key.json").read_text() == (made / "key.json").read_text()
    other = call(*arguments, "--seed", "1", "--out", tmp_path)
    assert other.exit_code == 2
    assert "holds another study" in other.output


def test_answers_are_scored_and_bad_files_and_inattentive_people_are_named(
    made: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(made, tmp_path / "made")
    people = [answer(made, tmp_path / f"p{i}.json", "vae") for i in range(3)]
    people.append(answer(made, tmp_path / "contrary.json", "class mean"))
    asleep = answer(made, tmp_path / "asleep.json", "class mean", attentive=False)
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    again = tmp_path / "again.json"
    again.write_text(people[0].read_text())
    short = tmp_path / "short.json"
    record = json.loads(people[1].read_text()) | {"participant": "short"}
    short.write_text(json.dumps(record | {"answers": record["answers"][:4]}))
    foreign = tmp_path / "foreign.json"
    foreign.write_text(json.dumps(record | {"study": "x"}))
    odd = tmp_path / "odd.json"
    odd.write_text(json.dumps(record | {"participant": "</script>"}))
    more = tmp_path / "more.json"
    more.write_text(json.dumps(record | {"__class__": "os.system"}))
    files = [*people, asleep, damaged, again, short, foreign, odd, more, tmp_path / "none.json"]
    done = call("human-study", "score", folder, *files)
    assert done.exit_code == 0, done.output
    for expected in (
        "excluded: asleep: 0 of 5 attention checks passed",
        "damaged.json: not answers from this page",
        "again.json: a second file of participant p0",
        "short.json: unfinished: 4 of 18 trials",
        "foreign.json: answers to another study",
        "odd.json: not answers from this page (participant:",
        "more.json: not answers from this page (__class__:",
        "none.json: no such file",
        "asked again, 12 of 12 answers were the same",
        "left picture chosen: 50.0 %",
    ):
        assert expected in done.output, expected
    row = pd.read_csv(folder / "preferences.csv").iloc[0]
    assert (row["chosen"], row["answers"], row["share"]) == (30, 40, 0.75)
    assert row["participants"] == 4
    # The people differ, so the interval must reach further than that of 40 independent answers.
    assert row["low"] < 0.3
    assert row["high"] == 1
    scores = json.loads((folder / "scores.json").read_text())
    assert [who["name"] for who in scores["participants"] if not who["kept"]] == ["asleep"]


@pytest.mark.parametrize(
    ("kind", "changed", "expected"),
    [
        ("repeat", {"of": "absent"}, "repeats 'absent', which is no comparison"),
        ("repeat", {"of": None}, "repeats None, which is no comparison"),
        ("compare", {"of": "absent"}, "repeats 'absent', which is no comparison"),
        ("compare", {"left": "absent"}, "compares 'absent' with"),
        ("attention", {"left": "vae"}, "shows 'vae' and"),
        ("compare", {"id": "same"}, "two trials have the id 'same'"),
        ("compare", None, "no comparison"),
    ],
)
def test_a_key_that_was_changed_is_refused_in_one_line(
    made: Path, tmp_path: Path, kind: str, changed: dict[str, str] | None, expected: str
) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    person = answer(made, tmp_path / "p.json", "vae")
    key = json.loads((folder / "key.json").read_text())
    if changed is None:
        key["trials"] = [trial for trial in key["trials"] if trial["kind"] == "attention"]
    else:
        for trial in [trial for trial in key["trials"] if trial["kind"] == kind][:2]:
            trial |= changed
    (folder / "key.json").write_text(json.dumps(key))
    done = call("human-study", "score", folder, person)
    assert done.exit_code == 2, done.output
    said = " ".join(done.output.split())
    assert "key.json: damaged (" in said
    assert expected in said


def test_nobody_left_is_an_error_that_says_why(made: Path, tmp_path: Path) -> None:
    asleep = answer(made, tmp_path / "asleep.json", "vae", attentive=False)
    done = call("human-study", "score", made, asleep)
    assert done.exit_code == 2
    assert "asleep passed 0 of 5" in done.output
    assert not (made / "scores.json").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--arms", "vae"], "expected two or more"),
        (["--arms", "vae,vae"], "all different"),
        (["--arms", "vae,our"], "unknown arm"),
        (["--arms", "vae,class mean", "--trials", "13"], "there are only 12 test segments"),
        (["--arms", "vae,class mean", "--trials", "2"], "--repeats 5: at most"),
        (["--arms", "vae,class mean", "--trials", "12", "--checks", "13"], "at most 12,"),
        (["--arms", "vae,class mean,ground truth", "--trials", "2"], "3 arms make 3 pairs"),
        (["--arms", "vae,class mean", "--dataset", "nowhere/x"], "nowhere/x: no such folder"),
    ],
)
def test_a_study_that_cannot_be_made_is_one_line(
    small_study: Path, tmp_path: Path, arguments: list[str], expected: str
) -> None:
    done = call("human-study", "make", small_study, *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def three(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("human") / "three"
    done = call(
        "human-study", "make", small_study, "--arms", "vae,class mean,ground truth", "--trials",
        "12", "--checks", "2", "--repeats", "1", "--ties", "--out", folder,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def respond(made: Path, path: Path, scores: dict[str, float], rng: np.random.Generator) -> Path:
    """A participant who prefers arms by their scores, and the left a little."""
    key = json.loads((made / "key.json").read_text())
    answers = []
    for trial in key["trials"]:
        left, right = (scores.get(trial[side], 0.0) for side in ("left", "right"))
        if trial["kind"] == "attention":
            left, right = (50.0 * (trial[side] == "real") for side in ("left", "right"))
        latent = left - right + 0.2 + rng.logistic()
        choice = "tie" if abs(latent) < 0.4 else "left" if latent > 0 else "right"
        answers.append({"trial": trial["id"], "choice": choice, "milliseconds": 900, "plays": 1})
    record = {
        "format": 1, "study": key["study"], "participant": path.stem,
        "started": "2026-01-01T00:00:00.000Z", "answers": answers,
    }  # fmt: skip
    if path.suffix == ".csv":  # as the page writes it
        lines = [
            ",".join(map(str, [path.stem, *(one[name] for name in COLUMNS[1:])])) for one in answers
        ]
        path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    else:
        path.write_text(json.dumps(record))
    return path


def test_several_arms_are_compared_in_balanced_pairs(three: Path) -> None:
    trials = json.loads((three / "key.json").read_text())["trials"]
    compared = [trial for trial in trials if trial["kind"] == "compare"]
    orders = Counter((trial["left"], trial["right"]) for trial in compared)
    assert len(orders) == 6
    assert set(orders.values()) == {2}
    assert 'id="tie"' in (three / "study.html").read_text()


def test_several_arms_get_bradley_terry_scores_in_every_format(three: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(three, tmp_path / "three"))
    rng = np.random.default_rng(0)
    scores = {"ground truth": 1.2, "vae": 0.0, "class mean": -0.4}
    people = [
        respond(three, tmp_path / f"p{i}.{'csv' if i % 2 else 'json'}", scores, rng)
        for i in range(12)
    ]
    done = call("human-study", "score", folder, *people)
    assert done.exit_code == 0, done.output
    assert "Bradley–Terry scores (12 participants)" in done.output
    table = pd.read_csv(folder / "bradley_terry.csv")
    assert table["arm"][0] == "ground truth"
    assert (table["low"] < table["score"]).all()
    assert table["score"].sum() == pytest.approx(0)
    assert (table[["won", "tied", "lost"]].sum(axis=1) == 2 * 4 * 12).all()
    pairs = pd.read_csv(folder / "preferences.csv")
    assert len(pairs) == 3
    own = table.set_index("arm")["score"]
    assert (own[pairs["a"]].values - own[pairs["b"]].values) == pytest.approx(pairs["difference"])
    assert r"\toprule" in (folder / "bradley_terry.tex").read_text()
    assert "| ground truth |" in (folder / "bradley_terry.md").read_text()
    stored = json.loads((folder / "scores.json").read_text())
    assert stored["model"]["scores"][0]["score"]["value"] == pytest.approx(table["score"][0])
    # Unanimous people: what is missing is said, and no table of an earlier call is left.
    for path in people:
        respond(three, path, {"ground truth": 99.0, "vae": 0.0, "class mean": -0.4}, rng)
    done = call("human-study", "score", folder, *people)
    assert done.exit_code == 0, done.output
    assert (
        "no Bradley–Terry scores: ground truth won all of 96 comparisons with vae, class mean"
        in (" ".join(done.output.split()))
    )
    assert not list(folder.glob("bradley_terry.*"))
    assert pd.read_csv(folder / "preferences.csv")["difference"].isna().all()


def test_tables_of_answers_that_are_not_the_page_s_are_named(three: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(three, tmp_path / "three"))
    rng = np.random.default_rng(1)
    good = [respond(three, tmp_path / f"p{i}.csv", {"vae": 0.5}, rng) for i in range(2)]
    text = good[0].read_text()
    wrong = {
        "columns": text.replace("plays", "played"),
        "number": text.replace(",900,", ",soon,"),
        "two": text + good[1].read_text().split("\n", 1)[1],
        "choice": text.replace(",left,", ",middle,"),
        "short": "\n".join(text.split("\n")[:4]),
        "empty": "",
    }
    for name, content in wrong.items():
        (tmp_path / f"{name}.csv").write_text(content)
    done = call("human-study", "score", folder, *good, *(tmp_path / f"{n}.csv" for n in wrong))
    assert done.exit_code == 0, done.output
    for expected in (
        "columns.csv: not answers from this page (expected columns participant,trial,",
        "number.csv: not answers from this page (invalid literal",
        "two.csv: answers of 2 participants",
        "choice.csv: not answers from this page (answers.",
        "short.csv: unfinished: 3 of 15 trials",
        "empty.csv: not answers from this page (expected columns",
    ):
        assert expected in done.output.replace("\n", " "), (expected, done.output)


def test_a_study_of_an_earlier_version_is_still_scored(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "made"))
    key = json.loads((folder / "key.json").read_text())
    del key["ties"]
    for trial in key["trials"]:
        del trial["clip"]
    (folder / "key.json").write_text(json.dumps(key))
    people = [
        answer(made, tmp_path / "p.json", "vae"),
        answer(made, tmp_path / "q.json", "class mean"),
    ]
    done = call("human-study", "score", folder, *people)
    assert done.exit_code == 0, done.output
    tie = json.loads(people[0].read_text())
    tie["answers"][0]["choice"] = "tie"
    people[0].write_text(json.dumps(tie))
    done = call("human-study", "score", folder, *people)
    assert "p.json: a tie, which this study has no button for" in done.output
