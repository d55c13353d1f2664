"""Several judges are trained at once, each in a process of its own, and are those of one alone."""

import os

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.contracts.metric import Metric
from a2ibench.errors import UserError
from a2ibench.evaluation.evaluate import load_judges
from a2ibench.evaluation.judging import load_judge
from a2ibench.types import DataKey, Pairs

DATA = DataKey("data")
FILE = """
import os, signal
import torch
from a2ibench.contracts.judge import Judge
from a2ibench.errors import UserError
from a2ibench.registry import judges

class MeanImage(Judge):
    trained = True

    def build(self, spec):
        self.register_buffer("mean", torch.zeros(1))

    def fit(self, train):
        self.mean[:] = float(train.images[:].mean())
        return {"process": float(os.getpid()), "threads": float(torch.get_num_threads())}

    def weights_hash(self):
        return "none"

    def embed(self, images):
        some = images.reshape(len(images), -1)[:, :2].astype("float32")
        return {"features": some - self.mean.numpy()}

@judges.register
class First(MeanImage):
    name = "first_of_file"

@judges.register
class Second(MeanImage):
    name = "second_of_file"

@judges.register
class Mortal(MeanImage):
    name = "mortal_of_file"

    def fit(self, train):
        if os.getpid() != int(os.environ["TEST_PROCESS"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(train)

@judges.register
class Choosy(MeanImage):
    name = "choosy_of_file"

    def fit(self, train):
        raise UserError("too few pictures of cats")
"""


class Reads(Metric):
    """A metric that needs a judge of the file; it is not computed."""

    def __init__(self, judge: str) -> None:
        self.judge = judge

    def compute(self, *inputs):
        raise AssertionError("it is not asked")


@pytest.fixture(autouse=True)
def judges_of_a_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TEST_PROCESS", str(os.getpid()))
    monkeypatch.setattr("a2ibench.evaluation.judge_training.FEWEST_PAIRS", 10)
    monkeypatch.setattr("a2ibench.parallel.Processes._count", lambda self: 2)
    path = tmp_path / "judges_of_a_file.py"
    path.write_text(FILE)
    registry.load_plugin_file(path)


def pairs() -> Pairs:
    rng = np.random.default_rng(0)
    return Pairs(
        images=rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8),
        acoustic=np.zeros((20, 4), dtype=np.float32),
        label=np.arange(20) % 2,
        classes=("a", "b"),
        source=np.array([f"{i}" for i in range(20)]),
    )


def load(*names: str, lines: list[str] | None = None):
    chosen = [Reads(f"{name}_of_file") for name in names]
    return load_judges(chosen, pairs(), DATA, (lines if lines is not None else []).append)


def test_each_has_a_process_of_its_own_and_the_weights_of_one_trained_alone(tmp_path, monkeypatch):
    lines: list[str] = []
    together = load("first", "second", lines=lines)
    assert lines == [
        f"judge {name}_of_file: training on 20 real images" for name in ("first", "second")
    ]
    processes = {judge.figures["process"] for judge in together.values()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {judge.figures["threads"] for judge in together.values()} == {1}
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "another"))
    for name, judge in together.items():
        alone = load_judge(name, pairs(), DATA)
        assert alone.figures == {"process": os.getpid(), "threads": 1}
        assert alone.fingerprint == judge.fingerprint


def test_one_whose_process_dies_is_trained_again_here():
    lines: list[str] = []
    found = load("first", "mortal", lines=lines)
    assert found["mortal_of_file"].figures["process"] == os.getpid()
    assert found["first_of_file"].figures["process"] != os.getpid()
    (line,) = (line for line in lines if "again" in line)
    assert line.startswith("judge mortal_of_file: its process died of SIGKILL")


def test_what_one_refuses_is_told_as_by_one_alone():
    with pytest.raises(UserError, match="too few pictures of cats"):
        load("choosy", "first")


def test_what_is_kept_or_single_is_trained_in_no_other_process():
    assert load("first")["first_of_file"].figures["process"] == os.getpid()
    found = load("first", "second")
    assert {judge.figures["process"] for judge in found.values()} == {os.getpid()}


def test_a_judge_that_no_other_process_finds_is_trained_here(monkeypatch):
    class Notebook(registry.judges.get("first_of_file")):
        name = "notebook_of_file"

    monkeypatch.setitem(registry.judges._registered, Notebook.name, Notebook)
    Notebook.__module__ = "__main__"
    monkeypatch.setattr("a2ibench.registry.PREFIX", "no_file_")
    found = load("notebook", "first", "second")
    assert {judge.figures["process"] for judge in found.values()} == {os.getpid()}


def test_few_pairs_are_not_worth_a_process(monkeypatch):
    monkeypatch.setattr("a2ibench.evaluation.judge_training.FEWEST_PAIRS", 21)
    found = load("first", "second")
    assert {judge.figures["process"] for judge in found.values()} == {os.getpid()}
