"""Small films in folders, and the commands and datasets that prepare them."""

from pathlib import Path

import pandas as pd
from click.testing import CliRunner, Result
from films import Film

from a2ibench import config
from a2ibench.cli import main
from a2ibench.data.files.clip import ClipConfig
from a2ibench_plugins.datasets.folder import Folder
from a2ibench_plugins.datasets.manifest import Manifest

OPTIONS = {"seconds": 1, "hop": 0.5, "image_size": 16, "folds": 2}
SMALL = Film(seconds=2.2, frame_rate=10, size=(32, 32), video="mjpeg", pixels="yuvj420p")


def film(name: str, seed: int = 0, **changes: object) -> Film:
    return Film(**{**vars(SMALL), "name": name, "seed": seed, **changes})  # type: ignore[arg-type]


def folder(root: Path, **changes: object) -> Folder:
    return Folder(config.build(Folder.Config, {**OPTIONS, **changes}, "folder"), root)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def set_options(**changes: object) -> list[str]:
    return [f"--set={name}={value}" for name, value in {**OPTIONS, **changes}.items()]


def rejected(root: Path) -> dict[str, str]:
    table = pd.read_parquet(root / "rejected.parquet")
    return dict(zip(table["file"], table["reason"], strict=True))


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def manifest(path: Path, **changes: object) -> Manifest:
    return Manifest(config.build(ClipConfig, {**OPTIONS, **changes}, "manifest"), path)
