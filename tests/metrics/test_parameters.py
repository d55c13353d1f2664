"""A metric's parameters and its name: one spelling for equal parameters, and it reads back."""

import dataclasses
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from a2ibench import plugin_registry
from a2ibench.config import option
from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric, Score
from a2ibench.errors import UserError
from a2ibench.evaluation.feasibility import find_metric
from a2ibench.registry import metrics
from a2ibench_plugins.metrics.r_precision import RPrecision


class NearestShare(Metric):
    """A metric with a parameter of every kind."""

    title = "nearest share"
    judge = "pixels"
    bounds = (0.0, 1.0)
    k: int = option(5, "neighbours", minimum=1, maximum=50)
    weight: float = 1.0
    mode: Literal["near", "far"] = "near"
    exact: bool = False

    def compute(self, outputs):
        return (outputs.real["luma"].mean(axis=1) > 0.5) * self.weight


@pytest.fixture
def registered() -> None:
    metrics.register(NearestShare)


OUTPUTS = JudgeOutputs(
    generated={},
    real={"luma": np.array([[0.2], [0.8], [0.9]], dtype=np.float32)},
    acoustic=np.zeros((3, 1), dtype=np.float32),
    label=np.zeros(3, dtype=np.int64),
    classes=("a",),
)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("rprec", "rprec10_i2a_lite0"),
        ("rprec[k=1]", "rprec1_i2a_lite0"),
        ("rprec[judge=i2a_cnn,k=010,pool=class]", "rprec10_inclass_i2a_cnn"),
        ("rprec[ pool = class , k = 20 ]", "rprec[k=20,pool=class]"),
        ("rprec[judge=mine,k=20]", "rprec[k=20,judge=mine]"),
        ("rprec[judge=own,k=10]", "rprec10_own"),
        ("fid_inf", "fid_inf_lite0"),
        ("kid[judge=inceptionv3]", "kid_inceptionv3"),
        ("is[splits=1,judge=inceptionv3]", "is1_inceptionv3"),
        ("nearest_share", "nearest_share"),
        ("nearest_share[k=5,judge=pixels,exact=0]", "nearest_share"),
        ("nearest_share[weight=-0.0]", "nearest_share[weight=0]"),
        ("nearest_share[weight=5e-1,exact=YES]", "nearest_share[weight=0.5,exact=true]"),
        ("nearest_share[weight=2.0,mode=far]", "nearest_share[weight=2,mode=far]"),
    ],
)
@pytest.mark.usefixtures("registered")
def test_equal_parameters_have_one_name_that_reads_back(asked: str, name: str) -> None:
    metric = metrics.get(asked)
    assert metric.name == name
    assert metrics.get(name) == metric
    assert name in metrics
    assert hash(metrics.get(name)) == hash(metric)


def test_every_listed_name_is_that_of_its_parameters() -> None:
    titles = set()
    for name in metrics.names():
        metric = metrics.get(name)
        spelled = ",".join(f"{key}={value}" for key, value in dataclasses.asdict(metric).items())
        assert metrics.get(f"{type(metric).name}[{spelled}]").name == name
        titles.add(metric.title)
    assert len(titles) == len(metrics.names())
    assert repr(metrics.get("rprec10_inclass_i2a_cnn")) == (
        "RPrecision(k=10, judge='i2a_cnn', pool='class')"
    )


@pytest.mark.usefixtures("registered")
def test_other_parameters_have_a_title_of_their_own_and_are_computed_on_request_alone() -> None:
    metric = metrics.get("nearest_share[k=9]")
    assert (metric.title, metric.headline) == ("nearest share [k=9]", False)
    assert metrics.get("nearest_share").headline
    assert metrics.get("rprec[k=20,judge=i2a_cnn,pool=class]").title == "R-prec@20 in class cnn"
    assert "nearest_share[k=9]" not in metrics.names()


def test_parameters_decide_what_a_metric_needs() -> None:
    inside = RPrecision(k=20, pool="class")
    assert (inside.group, inside.fewest_in_class) == ("match_in_class", 100)
    assert RPrecision(k=20).fewest_in_class == 0
    assert RPrecision(k=20, judge=OWN, pool="class").group == "own"
    assert metrics.get("is[splits=40]").fewest == 80


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("rprec[kk=20]", r"unknown option of rprec 'kk'; did you mean k\?"),
        ("rprec[k=0]", r"rprec\.k=0: expected a number ≥ 1 and ≤ 100"),
        ("rprec[k=ten]", r"rprec\.k='ten': Input should be a valid integer"),
        ("rprec[k=1.5]", r"rprec\.k='1.5': Input should be a valid integer"),
        ("rprec[pool=clas]", r"rprec\.pool='clas': Input should be 'all' or 'class'"),
        ("rprec[k=1,k=2]", r"expected rprec\[PARAMETER=VALUE,…\], each parameter once"),
        ("rprec[k=1", r"expected rprec\["),
        ("rprec[]", r"expected rprec\["),
        ("rprec[judge=a/../b]", r"values of letters, digits"),
        ("rprec10_i2a_cnn[k=2]", r"the parameters of rprec10_i2a_cnn are set; write rprec\[k=2\]"),
        ("rprek[k=2]", r"unknown metric 'rprek'; did you mean rprec"),
        ("rprec[judge=i2a_cn]", r"unknown judge of rprec.* 'i2a_cn'; did you mean i2a_cnn"),
        (
            "rprec[judge=lite0]",
            r"judge lite0 gives features, logits, the metric reads acoustic; judges that give it:"
            r" i2a_aisfx, i2a_cnn, i2a_lite0$",
        ),
        ("kid[judge=own]", r"judge own gives acoustic, the metric reads features"),
        ("msssim[judge=lite0]", r"judges that give it: pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_told_with_what_can(asked: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        find_metric(asked)


def test_numbers_alone_are_a_score() -> None:
    class Whole(NearestShare):
        def compute(self, outputs):
            return np.float32(0.25)

    class Left(NearestShare):
        def compute(self, outputs):
            return [0.5, float("nan"), 1.0]

    class Nothing(NearestShare):
        def compute(self, outputs):
            return None

    each = NearestShare().score(OUTPUTS)
    assert (each.value, each.n) == (pytest.approx(2 / 3), 3)
    np.testing.assert_array_equal(each.per_segment, np.array([0, 1, 1], dtype=np.float32))
    assert Whole().score(OUTPUTS) == Score(0.25, 3)
    left = Left().score(OUTPUTS)
    assert (left.value, left.n) == (0.75, 2)
    assert np.isnan(left.per_segment[1])
    with pytest.raises(TypeError, match=r"metric nothing: compute\(\) gave NoneType.*\[3\]"):
        Nothing().score(OUTPUTS)


def test_a_subclass_has_a_name_of_its_own_and_no_variants() -> None:
    class StricterPrecision(RPrecision):
        pass

    assert StricterPrecision.variants == {}
    assert StricterPrecision(k=1).name == "stricter_precision[k=1]"


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"judge": None}, "needs a class attribute `judge`"),
        ({"title": None}, "needs a class attribute `title`"),
        ({"compute": None}, "needs a method `compute`"),
        ({"name": "my metric"}, "expected a name of letters, digits and _, got 'my metric'"),
        ({"variants": {"a[b]": {}}}, r"got 'a\[b\]'"),
        ({"variants": {"a": {"kk": 1}}}, r"variants\['a'\]: it has no kk"),
        ({"variants": {"a": {}, "b": {"title": "b"}}}, r"a and b have the same parameters"),
        ({"__annotations__": {"k": int}}, r"no default for k; give one"),
        ({"__annotations__": {"k": list}, "k": ()}, r"\.k: a parameter is a bool, int"),
    ],
)  # fmt: skip
def test_a_class_that_is_no_metric_is_refused_when_it_comes_in(attributes, said: str) -> None:
    whole = {
        "judge": "pixels", "title": "mine", "bounds": (0.0, 1.0), "compute": lambda self, o: 0.0,
    }  # fmt: skip
    body = {name: value for name, value in (whole | attributes).items() if value is not None}
    with pytest.raises(TypeError, match=said):
        metrics.register(type("Mine", (Metric,), body))


@pytest.mark.parametrize("name", ["rprec", "rprec10_i2a_cnn"])
def test_the_names_of_another_metric_and_of_its_variants_are_taken(name: str) -> None:
    class Mine(NearestShare):
        pass

    Mine.name = name
    with pytest.raises(UserError, match="has the name of an installed one"):
        metrics.register(Mine)


def test_an_entry_point_may_name_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two_metrics.py").write_text(
        "from a2ibench.contracts.metric import Metric\n"
        "class Shared(Metric):\n    judge, title, bounds = 'pixels', 'x', (0.0, 1.0)\n"
        "class One(Shared):\n    compute = lambda self, outputs: 0.0\n"
        "class Other(Shared):\n    compute = lambda self, outputs: 1.0\n"
        "    variants = {'other_wide': {}, 'other_lite0': {'judge': 'lite0'}}\n"
    )
    (tmp_path / "broken_metrics.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = {
        name: EntryPoint(name, name, metrics.group) for name in ("two_metrics", "broken_metrics")
    }
    monkeypatch.setattr(plugin_registry, "_points", lambda group: points)
    monkeypatch.setattr(metrics, "_registered", {})
    assert metrics.names() == ["broken_metrics", "one", "other_lite0", "other_wide"]
    assert metrics.where("other_wide") == "two_metrics:Other"
    with pytest.raises(UserError, match="no_such_module_at_all"):
        metrics.get("broken_metrics")
    with pytest.raises(UserError, match=r"unknown metric 'nothing'.*no_such_module_at_all"):
        metrics.get("nothing")
