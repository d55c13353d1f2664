"""The same job gives the same numbers, unless the number of the protocol has risen."""

import pytest
from golden import Golden, differences
from measure import FROM_ELSEWHERE, GROUPS, WITH_WEIGHTS, WITHOUT_WEIGHTS
from record import goldens_of, measured, read, record, refused

from a2ibench import registry
from a2ibench.protocol import PROTOCOL
from a2ibench.results.rows import label_of_reference

KEPT = read()
ADVICE = (
    "what the same job computes has changed. Where that is meant, raise PROTOCOL in"
    " a2ibench/protocol.py, or the version of the metric, judge or encoder, and record:"
    " python tests/golden/record.py (CONTRIBUTING.md, When a number changes)"
)


def test_the_goldens_are_those_of_this_protocol() -> None:
    assert KEPT["protocol"] == PROTOCOL, "record them: python tests/golden/record.py"


@pytest.mark.integration
@pytest.mark.parametrize("group", GROUPS)
def test_the_same_job_gives_the_same_numbers(group: str) -> None:
    found, kept = measured(group), goldens_of(KEPT, group)
    wrong = {
        name: lines
        for name in sorted({*kept, *found})
        if (
            lines := differences(
                kept.get(name, Golden("", {})), found.get(name, Golden("", {})), GROUPS[group].near
            )
        )
    }
    assert wrong == {}, ADVICE


def test_a_halved_score_or_another_grid_is_no_rounding() -> None:
    for name, one in goldens_of(KEPT, "plugins").items():
        if name.startswith("metric") and abs(one.values["value"]) > 0.01:
            halved = Golden(one.identity, {**one.values, "value": one.values["value"] / 2})
            assert differences(one, halved, GROUPS["plugins"].near), name
    for one in goldens_of(KEPT, "trials").values():
        sounds, noises, *size = one.values["grid"]
        fewer = Golden(one.identity, {**one.values, "grid": [sounds, noises - 1, *size]})
        assert differences(one, fewer, GROUPS["trials"].near)


def test_every_plugin_that_is_built_in_has_a_golden() -> None:
    recorded = {name for group in GROUPS for name in goldens_of(KEPT, group)}
    metrics = (
        n for n in registry.metrics.names() if registry.metrics.get(n).judge not in WITHOUT_WEIGHTS
    )
    expected = {f"trial {name}" for name in {*registry.models.names()} - FROM_ELSEWHERE}
    expected |= {f"metric {name}" for name in metrics}
    expected |= {f"encoder {name}" for name in {*registry.encoders.names()} - WITH_WEIGHTS}
    expected |= {f"trial {label_of_reference(name)}" for name in registry.references.names()}
    expected |= {f"judge {name}" for name in {*registry.judges.names()} - WITHOUT_WEIGHTS}
    assert expected <= recorded


def made_up(value: float, identity: str = "version 1") -> Golden:
    return Golden(identity, {"value": value, "n": 10})


def test_what_differs_is_said_and_rounding_is_not() -> None:
    assert differences(made_up(0.5), made_up(0.500001), 1e-3) == []
    assert differences(made_up(0.5), made_up(0.25), 1e-3) == ["value was 0.5, is 0.25"]
    assert differences(made_up(0.5), Golden("", {"value": 0.5, "n": 11}), 1e-3)
    assert differences(Golden("", {"x": [1.0, 2.0]}), Golden("", {"x": [1.0]}), 1e-3)


def test_another_number_is_recorded_only_with_another_protocol_or_version() -> None:
    kept = record({"protocol": None, "groups": {}}, {"trials": {"trial a": made_up(0.5)}}, 1)
    again = record(kept, {"trials": {"trial a": made_up(0.500001)}}, 1)
    assert again == kept, "what is near stays as it was"
    halved = {"trials": {"trial a": made_up(0.25)}}
    with pytest.raises(SystemExit, match=r"trial a: value was 0\.5, is 0\.25"):
        record(kept, halved, 1)
    assert record(kept, halved, 2)["groups"]["trials"]["trial a"]["values"]["value"] == 0.25
    other = {"trials": {"trial a": made_up(0.25, "version 2"), "trial b": made_up(1.0)}}
    assert set(record(kept, other, 1)["groups"]["trials"]) == {"trial a", "trial b"}
    assert refused(kept, "trials", halved["trials"], 1)
