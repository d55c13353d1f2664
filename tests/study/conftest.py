"""A study small enough for a test: real parts, few pairs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from a2ibench.runs.display import Display
from a2ibench.study.request import Request

SETTINGS = {
    "synthetic": {"train": 12, "test": 12, "image_size": 32, "seconds": 1.0},
    "ours": {"i2a_steps": 2},
}


@pytest.fixture
def display() -> Display:
    return Display(Console(quiet=True))


@pytest.fixture
def tiny() -> Callable[..., Request]:
    """Makes a request of seconds: ``tiny(folder, seeds=2, …)``."""

    def make(folder: Path, **changed: Any) -> Request:
        values = {
            "models": ("vae",),
            "dataset": "synthetic",
            "encoder": "logmel",
            "images": 96,
            "metrics": ("is1_lite0",),
            "folder": folder,
            **changed,
        }
        used = {*values["models"], values["dataset"]}
        settings = {owner: v for owner, v in SETTINGS.items() if owner in used}
        return Request(**values, settings=settings)

    return make
