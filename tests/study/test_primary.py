"""Primary questions: what is usual, what is refused, and what their hash depends on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from a2ibench import registry
from a2ibench.contracts.metric import OWN
from a2ibench.errors import UserError
from a2ibench.study.primary import Primary, settle_primary, usual_contrasts, usual_metrics
from a2ibench.study.request import Request, outline

METRICS = ("kid_lite0", "accuracy_resnet18", "rprec10_i2a_cnn", "rprec10_own", "diversity_lite0")


@dataclass(frozen=True)
class Row:
    label: str
    full: str | None = None
    reference: bool = False


ROWS = [
    Row("shuffled audio", reference=True),
    Row("theirs"),
    Row("vae"),
    Row("ours"),
    Row("ours − consistency", full="ours"),
]


def settled(metrics: Sequence[str] = (), contrasts: Sequence[str] = ()) -> Primary:
    return settle_primary(Primary.of(metrics, contrasts), METRICS, ROWS, {"fid_lite0": "too few"})


def test_usual_is_one_independent_metric_for_each_table_and_none_of_what_chance_adds() -> None:
    found = [registry.metrics.get(name) for name in registry.metrics.names()]
    headline = [one for one in found if one.headline]
    chosen = [registry.metrics.get(name) for name in usual_metrics(headline)]
    assert OWN not in {one.judge for one in chosen}
    assert {one.name: one.group for one in chosen} == {
        "kid_simclr": "quality",
        "rprec10_i2a_lite0": "match",
        "rprec10_inclass_i2a_lite0": "match_in_class",
    }
    assert all(one.primary for one in chosen)


def test_a_table_without_a_primary_metric_is_judged_by_its_first_column() -> None:
    names = ["cas_lite0", "accuracy_resnet18", "diversity_lite0"]
    assert usual_metrics([registry.metrics.get(one) for one in names]) == ("accuracy_resnet18",)
    assert usual_metrics([registry.metrics.get("diversity_lite0")]) == ("diversity_lite0",)
    assert usual_metrics([registry.metrics.get("rprec10_own")]) == ()


def test_a_metric_with_changed_parameters_is_not_primary_by_itself() -> None:
    assert registry.metrics.get("kid_lite0").primary
    assert not registry.metrics.get("kid[judge=resnet18]").primary


def test_an_arm_of_several_budgets_is_one_side_of_a_usual_contrast() -> None:
    assert usual_contrasts([*ROWS, *ROWS]) == usual_contrasts(ROWS)
    assert usual_contrasts([Row("ours"), Row("ours")]) == ()


def test_usual_contrasts_are_methods_to_the_last_one_and_ablations_to_their_full_model() -> None:
    assert [*map(str, usual_contrasts(ROWS))] == [
        "theirs vs ours", "vae vs ours", "ours − consistency vs ours",
    ]  # fmt: skip
    assert usual_contrasts(ROWS[:2]) == ()


def test_what_is_declared_stays_and_what_is_not_is_usual() -> None:
    part = settled(contrasts=["ours vs ours - consistency", "ours vs shuffled audio"])
    assert [*map(str, part.contrasts)] == ["ours vs ours − consistency", "ours vs shuffled audio"]
    assert part.metrics == ("kid_lite0", "rprec10_i2a_cnn")
    assert part.declared
    assert not settled().declared
    assert settled(metrics=["kid"]).metrics == ("kid_lite0",), "one name for equal parameters"


@pytest.mark.parametrize(
    ("metrics", "contrasts", "said"),
    [
        (["kid_lit0"], [], "unknown metric 'kid_lit0'; did you mean kid_lite0"),
        (["fid_lite0"], [], "'fid_lite0' is not computed (too few); did you mean kid_lite0"),
        (["cas_lite0"], [], "'cas_lite0' is not computed (ask for it: --metric cas_lite0)"),
        (["rprec10_own"], [], "by the network that a method trains against"),
        (["authpct_lite0"], [], "'authpct_lite0': neither a higher nor a lower score is better"),
        (["kid_lite0", "kid"], [], "'kid_lite0' is named twice"),
        ([], ["ours vs vea"], "contrast 'ours vs vea': no arm 'vea'; did you mean vae?"),
        ([], ["our vs vae"], "contrast 'our vs vae': no arm 'our'; did you mean ours"),
        ([], ["ours vs ours"], "contrast 'ours vs ours': an arm against itself"),
        (
            [],
            ["ours vs vae", "vae vs ours"],
            "'vae vs ours': these two are compared twice",
        ),
        ([], ["shuffled audio vs vae"], "is a reference row; write 'vae vs shuffled audio'"),
        ([], ["ours"], "contrast 'ours': expected two arms, as in 'ours vs wan2019'"),
        ([], ["a vs b vs c"], "expected two arms"),
        ([], [" vs b"], "expected two arms"),
    ],
)
def test_a_question_that_is_none_is_refused_in_one_line(
    metrics: list[str], contrasts: list[str], said: str
) -> None:
    with pytest.raises(UserError) as refused:
        settled(metrics, contrasts)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_hash_knows_the_questions_and_not_their_order_or_who_asked() -> None:
    one = settled(["kid_lite0", "accuracy_resnet18"], ["ours vs vae", "ours vs theirs"])
    other = settled(["accuracy_resnet18", "kid_lite0"], ["ours vs theirs", "ours vs vae"])
    assert one.hash == other.hash
    assert one.hash != settled(["kid_lite0"], ["ours vs vae", "ours vs theirs"]).hash
    assert one.hash != settled(["kid_lite0", "accuracy_resnet18"], ["vae vs ours"]).hash


def test_a_pair_of_labels_is_a_contrast_too() -> None:
    (one,) = Primary.of((), [("ours", "ours - consistency")]).contrasts
    assert (one.arm, one.base) == ("ours", "ours − consistency")
    with pytest.raises(UserError, match="expected two arms"):
        Primary.of((), [("ours",)])


def test_a_primary_metric_is_computed_though_it_is_no_headline(
    tiny: Callable[..., Request], tmp_path: Path
) -> None:
    asked = Primary.of(["fid_lite0"], [])
    assert outline(tiny(tmp_path, metrics=(), primary=asked)).metrics == ("headline", "fid_lite0")
    named = tiny(tmp_path, metrics=("is1_lite0",), primary=asked)
    assert outline(named).metrics == ("is1_lite0", "fid_lite0")
    usual = tiny(tmp_path, metrics=(), primary=Primary.of(["kid_simclr"], []))
    assert outline(usual).metrics == ()
