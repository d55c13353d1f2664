"""What tests of SoundNet share: the public weights, obtained once, and sounds."""

from pathlib import Path

import pytest

from a2ibench_plugins.encoders import soundnet8


@pytest.fixture(scope="session")
def sound8_npy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public weights as published; their hash was checked."""
    path = tmp_path_factory.mktemp("soundnet") / "sound8.npy"
    path.write_bytes(soundnet8.obtain_npy())
    return path
