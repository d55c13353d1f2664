"""Arms: a full model, then one part at a time."""

import pytest

from a2ibench import registry
from a2ibench.errors import UserError
from a2ibench.study.arm import expand_arms


def test_all_ablations_follow_the_full_model_and_change_what_they_declare() -> None:
    arms = expand_arms(["ours"], ["all"], "small", {})
    declared = registry.models.get("ours").ablations
    assert [arm.without for arm in arms] == [None, *declared]
    full = arms[0].config
    for arm in arms[1:]:
        assert arm.without is not None
        changed = {name: value for name, value in arm.config.items() if full[name] != value}
        assert changed.items() <= dict(declared[arm.without]).items()
        assert changed
        assert arm.label == f"ours − {arm.without}"


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
    ],
)
def test_a_wrong_word_is_explained(
    models: list[str], ablate: list[str], settings: dict[str, dict[str, str]], expected: str
) -> None:
    with pytest.raises(UserError, match=expected):
        expand_arms(models, ablate, "small", settings)
