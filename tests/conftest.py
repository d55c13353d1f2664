"""What every test shares: a cache of its own, so that no test sees the user's."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from a2ibench.runs.progress_display import Display
    from a2ibench.study.request import Request

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray's workers have a low priority, and would wait until the other test processes are done.
os.environ.setdefault("RAY_worker_niceness", "0")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as integration whatever needs a trained study.

    Each of several test processes begins with its part of the files that have such tests, so that
    none is left with long ones when the others are done.
    """
    for item in items:
        if "small_study" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)
    files = dict.fromkeys(item.path for item in items if item.get_closest_marker("integration"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    part = {path: i % processes for i, path in enumerate(files)}
    short = [item for item in items if item.path not in part]
    ordered: list[pytest.Item] = []
    for process in range(processes):
        ordered += [item for item in items if part.get(item.path) == process]
        room = max(0, len(items) * (process + 1) // processes - len(ordered))
        ordered += short[:room]
        del short[:room]
    items[:] = ordered + short


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache folder for the whole run."""
    root = tmp_path_factory.mktemp("cache")
    before = os.environ.get("A2IBENCH_CACHE")
    os.environ["A2IBENCH_CACHE"] = str(root)
    yield root
    if before is None:
        del os.environ["A2IBENCH_CACHE"]
    else:
        os.environ["A2IBENCH_CACHE"] = before


@pytest.fixture(scope="module", autouse=True)
def plugins() -> Iterator[None]:
    """What the tests of one file register is gone for the next."""
    from a2ibench import registry

    kinds = [value for value in vars(registry).values() if isinstance(value, registry.Registry)]
    before = [dict(kind._registered) for kind in kinds]
    yield
    for kind, registered in zip(kinds, before, strict=True):
        kind._registered = registered


@pytest.fixture(scope="session", autouse=True)
def small_grids() -> Iterator[None]:
    """Grids of small pictures: to draw them at their full size takes longer than a tiny study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("a2ibench.reporting.image_grids.SIDE", 32)
        yield


@pytest.fixture
def display() -> "Display":
    """A display that shows nothing."""
    from rich.console import Console

    from a2ibench.runs.progress_display import Display

    return Display(Console(quiet=True))


TINY = {
    "synthetic": {"train": 12, "test": 12, "image_size": 32, "seconds": 1.0},
    "ours": {"i2a_steps": 2},
}


@pytest.fixture
def tiny() -> "Callable[..., Request]":
    """Makes a request of seconds: ``tiny(folder, seeds=2, …)``."""
    from a2ibench.study.request import Request

    def make(folder: Path, **changed: Any) -> Request:
        values = {
            "models": ("vae",),
            "dataset": "synthetic",
            "encoder": "logmel",
            "images": (96,),
            "metrics": ("is1_lite0",),
            "seeds": 1,
            "folder": folder,
            **changed,
        }
        used = {*values["models"], values["dataset"]}
        settings = {owner: v for owner, v in TINY.items() if owner in used}
        return Request(**values, settings=settings)

    return make


@pytest.fixture(scope="module")
def hasty_judges() -> Iterator[None]:
    """A few steps for those that are trained: their outputs only have to be outputs."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("MAX_STEPS", "CHECK_EVERY"):
            for judge in ("resnet18", "i2a_cnn"):
                patch.setattr(f"a2ibench_plugins.judges.{judge}.{limit}", 4)
        patch.setattr("a2ibench_plugins.judges.simclr.STEPS", 4)
        yield


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, 36 training and 12 test pairs of 32 px and one second."""
    from a2ibench import config
    from a2ibench.data.prepare import prepare
    from a2ibench_plugins.datasets.synthetic import Synthetic

    options = {"train": 18, "test": 6, "image_size": 32, "seconds": 1}
    root = tmp_path_factory.mktemp("small") / "store"
    return prepare(Synthetic(config.build(Synthetic.Config, options, "synthetic")), root).root


@pytest.fixture(scope="session")
def small_study(small_store: Path) -> Path:
    """A method, barely trained, beside the reference rows; copy it to change it."""
    from click.testing import CliRunner

    from a2ibench.cli import main

    folder = small_store.parent / "study"
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("MAX_STEPS", "CHECK_EVERY"):
            patch.setattr(f"a2ibench_plugins.judges.resnet18.{limit}", 4)
        arguments = [
            "run", "--model", "vae", "--dataset", str(small_store), "--encoder", "logmel",
            "--seeds", "1", "--images", "96", "--metric", "is1_lite0",
            "--metric", "accuracy_resnet18", "--executor", "inline", "--tracking-uri", "none",
            "--out", str(folder),
        ]  # fmt: skip
        done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    believe(folder)
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert done.exit_code == 0, done.output
    return folder


def believe(folder: Path) -> None:
    """Writes into a study that its classifier can judge: four steps teach it nothing, and its
    column would be struck."""
    from a2ibench.results.result_file import write_result

    for path in folder.glob("jobs/*/result.json"):
        stored = json.loads(path.read_text())
        score = stored["metrics"]["accuracy_resnet18"]
        score |= {"chance": None}
        score["judge_figures"] |= {"held_out_accuracy": 1.0, "held_out_low": 1.0}
        write_result(path.parent, stored)


@pytest.fixture(scope="session", name="believe")
def fixture_believe() -> Callable[[Path], None]:
    """See :func:`believe`."""
    return believe


NARROW = {
    "ours": {"g_channels": 4, "g_residual": 1, "d_channels": 4, "phi_dim": 8, "i2a_width": 4,
             "noise_dim": 8},
    "wan2019": {"channels": 4, "phi_dim": 8},
    "wan2019_code": {"channels": 4, "phi_dim": 8, "noise_dim": 8},
    "vae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8},
    "cvae": {"channels": 4, "hidden_dim": 16, "latent_dim": 8, "encoder_channels": 4},
    "flow": {"patch": 8, "channels": 8, "levels": 1, "blocks": 1, "embedding": 16, "steps": 1},
}  # fmt: skip


@pytest.fixture(scope="session")
def job_of(small_study: Path) -> Callable[[str, Path], Path]:
    """``job_of(name, folder)``: a job of any method, as that of the small study, but narrow.

    Its weights are large random numbers, not trained ones: its pictures differ in every pixel.
    """
    import torch

    from a2ibench import config, registry
    from a2ibench.code_hash import source_hash
    from a2ibench.generator.select_model import find_run
    from a2ibench.results.result_file import write_result
    from a2ibench.training.checkpoint import TrainingState
    from a2ibench.types import Spec

    template = find_run(small_study, "vae", 0).folder

    def make(name: str, folder: Path) -> Path:
        result = json.loads((template / "result.json").read_text())
        method = registry.models.get(name)
        options = config.build(method.Config, NARROW.get(name, {}), name)
        torch.manual_seed(0)
        sizes = result["spec"]
        spec = Spec(sizes["image_size"], sizes["acoustic_dim"], tuple(sizes["classes"]))
        model = method(options, spec)
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.normal_().mul_(0.5).abs_() if tensor.ndim == 1 else tensor.normal_(std=0.4)
        result["job"] |= {
            "method": name,
            "config": config.to_dict(options),
            "source": source_hash(method),
        }
        folder.mkdir(parents=True)
        shutil.copy(template / "standardiser.safetensors", folder)
        TrainingState(model, None, model.optimizers).save(folder / "checkpoint.safetensors")
        write_result(folder, result)
        return folder

    return make
