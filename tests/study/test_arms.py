"""Arms: a full model, then one part at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import registry
from a2ibench.errors import UserError
from a2ibench.results import records
from a2ibench.results.rows import Row
from a2ibench.results.study import arms_of, find_row
from a2ibench.study.ablation import Ablation, parse_ablations
from a2ibench.study.arm import expand_arms, split_arms
from a2ibench.study.request import _check_labels

PARTS = ("a", "b", "c", "d")


def test_all_ablations_follow_the_full_model_and_change_what_they_declare() -> None:
    arms = expand_arms(["ours"], ["all"], "small", {})
    declared = registry.models.get("ours").ablations
    assert [arm.change for arm in arms] == ["", *(f" − {part}" for part in declared)]
    full = arms[0].config
    for part, arm in zip(declared, arms[1:], strict=True):
        changed = {name: value for name, value in arm.config.items() if full[name] != value}
        assert changed.items() <= dict(declared[part]).items()
        assert changed


def test_each_model_is_ablated_by_the_parts_that_it_declares() -> None:
    labels = [arm.label for arm in expand_arms(["vae", "ours"], ["consistency"], "small", {})]
    assert labels == ["vae", "ours", "ours − consistency"]


def test_settings_win_over_the_scale_and_ablations_over_settings() -> None:
    settings = {"ours": {"g_channels": "24", "lambda_con": "0.5"}}
    full, ablated = expand_arms(["ours"], ["consistency"], "small", settings)
    assert (full.config["g_channels"], full.config["lambda_con"]) == (24, 0.5)
    assert (ablated.config["g_channels"], ablated.config["lambda_con"]) == (24, 0.0)


@pytest.mark.parametrize(
    ("models", "ablate", "settings", "expected"),
    [
        (["our"], [], {}, "unknown model 'our'; did you mean ours"),
        (["ours"], ["consistncy"], {}, "unknown ablation of ours .*consistency"),
        (["ours"], [], {"ours": {"lambda": "1"}}, "unknown option of ours 'lambda'"),
        (["ours", "ours"], [], {}, "the same model twice"),
        (["ours"], ["stack=0,1"], {}, r"changes 2 options of ours \(stacked, training\)"),
        (["ours"], ["consistency="], {}, "expected values behind the ="),
        (["ours"], ["consistency=0,auxilary"], {}, "'auxilary'.*no ablation either .*auxiliary"),
        (["ours"], ["consistency=-1"], {}, "lambda_con=-1.0: expected a number ≥ 0"),
        (["ours"], ["stack+noise=1"], {}, "a grid changes one part"),
        (["ours"], ["lambda_con=1"], {}, "unknown ablation of ours 'lambda_con'"),
        (["ours"], ["stack+stack"], {}, "expected different parts"),
        (["ours"], ["stack+all"], {}, "expected different parts"),
        (["vae"], ["all"], {}, "no part of vae is declared"),
        (["ours"], ["stack+nois"], {}, "unknown ablation of ours 'nois'"),
    ],
)
def test_a_wrong_word_is_explained(
    models: list[str], ablate: list[str], settings: dict[str, dict[str, str]], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        expand_arms(models, ablate, "small", settings)


def labels(*ablate: str, **settings: object) -> list[str]:
    return [arm.label for arm in expand_arms(["ours"], ablate, "small", {"ours": settings})]


def test_a_grid_makes_an_arm_a_value_and_none_twice() -> None:
    grid = ["ours", "ours − consistency", "ours, lambda_con=0.1", "ours, lambda_con=10"]
    assert labels("consistency=0,0.1,1.0,1e1") == grid
    assert labels("consistency=0", "consistency=0.1,10", "consistency") == grid
    assert labels("consistency=0,1", lambda_con=0) == ["ours", "ours, lambda_con=1"]


@pytest.mark.parametrize(
    ("ablate", "written"),
    [
        ("all", [*registry.models.get("ours").ablations]),
        ("consistency", ["consistency"]),
        ("noise+stack,auxiliary", ["stack+noise", "auxiliary"]),
        ("consistency=0.1,1e1,0", ["consistency=0.1", "consistency=10", "consistency"]),
    ],
)
def test_an_arm_says_what_is_ablated_as_the_option_writes_it(
    ablate: str, written: list[str]
) -> None:
    full, *arms = expand_arms(["ours"], [ablate], "small", {})
    assert full.ablated == ""
    assert [arm.ablated for arm in arms] == written


def test_a_combination_switches_its_parts_off_at_once_in_one_order() -> None:
    full, both = expand_arms(["ours"], ["auxiliary+consistency,consistency+auxiliary"], "small", {})
    assert both.label == "ours − consistency − auxiliary"
    assert (both.config["lambda_con"], both.config["lambda_aux"]) == (0, 0)
    changed = {name for name, value in both.config.items() if full.config[name] != value}
    assert changed == {"lambda_con", "lambda_aux"}


def test_values_end_where_the_next_ablation_begins() -> None:
    assert labels("consistency=0.5,2,stack+noise,mismatch") == [
        "ours", "ours, lambda_con=0.5", "ours, lambda_con=2", "ours − stack − noise",
        "ours − mismatch",
    ]  # fmt: skip


def test_a_value_with_commas_stands_in_quotes() -> None:
    asked = parse_ablations(['"a=color,translation",cutout,b'], PARTS, "m")
    assert asked == [Ablation(("a",), ("color,translation", "cutout")), Ablation(("b",))]
    with pytest.raises(UserError, match='--ablate "a: not a readable list'):
        parse_ablations(['"a'], PARTS, "m")


numbers = st.floats(allow_nan=False, allow_infinity=False).map(str)
combinations = st.lists(st.sampled_from(PARTS), min_size=1, unique=True).map(tuple)
ablations = st.one_of(
    combinations.map(Ablation),
    st.builds(
        lambda part, values: Ablation((part,), tuple(values)),
        st.sampled_from(PARTS),
        st.lists(numbers, min_size=1, max_size=4),
    ),
)


@given(st.lists(ablations, max_size=6), st.booleans())
def test_what_is_written_is_what_is_read(asked: list[Ablation], together: bool) -> None:
    texts = [
        "+".join(one.parts) + ("" if one.values is None else f"={','.join(one.values)}")
        for one in asked
    ]
    assert parse_ablations([", ".join(texts)] if together else texts, PARTS, "m") == asked


@given(st.text(alphabet="abcd=+,. 01", max_size=30))
def test_no_text_breaks_the_reading(text: str) -> None:
    try:
        parse_ablations([text], PARTS, "m")
    except UserError:
        return


def test_the_labels_of_an_older_study_lead_back_to_the_full_model() -> None:
    known = ["vae", "ours", "ours − consistency", "ours − stack − noise", "ours, lambda_con=0.1"]
    jobs = {label: [f"job{i}"] for i, label in enumerate([*known, "theirs, 2019"])}
    about = records.StudyRecord(
        models=["ours", "vae"], metrics=[], jobs=jobs, dataset="arcade", content_hash="p",
        encoder="logmel", scale="small", images=100, seeds=1,
    )  # fmt: skip
    arms = arms_of(about)
    rows = [Row(label, (), arms.get(label)) for label in jobs]
    assert [row.full for row in rows] == [None, None, *["ours"] * 3, None]
    assert list(arms) == known


def test_an_arm_is_typed_in_ascii_and_a_wrong_one_is_named_with_the_nearest() -> None:
    known = ["vae", "ours", "ours − consistency", "ours − stack − noise", "ours, lambda_con=0.1"]
    rows = [Row(label, ()) for label in known]
    assert find_row("ours - stack - noise", rows, "s").label == "ours − stack − noise"
    with pytest.raises(UserError, match=r"unknown arm of s 'ours - stak'.*ours − "):
        find_row("ours - stak", rows, "s")
    assert split_arms("ours, lambda_con=0.1,vae, ours - consistency") == [
        "ours, lambda_con=0.1", "vae", "ours - consistency",
    ]  # fmt: skip


def test_a_method_and_a_reference_row_of_one_name_are_refused() -> None:
    _check_labels(["vae", "ours", "ours − stack", "ground truth"])
    with pytest.raises(UserError, match="two rows of the name 'class mean'"):
        _check_labels(["class mean", "ours", "class mean"])
