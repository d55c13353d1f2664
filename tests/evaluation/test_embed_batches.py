"""Where batches are embedded: sounds, which take long, in processes of their own."""

import os

import numpy as np
import pytest

from a2ibench import registry
from a2ibench.evaluation.embed_batches import embed_batches
from a2ibench.evaluation.judging import load_judge
from a2ibench.types import DataKey, Pairs

FILE = """
import os
import numpy as np
from a2ibench.contracts.judge import Judge
from a2ibench.registry import judges

@judges.register
class Ears(Judge):
    name = "ears_of_file"
    embeds = frozenset({"images", "sounds"})
    outputs = sound_outputs = ("level",)

    def weights_hash(self):
        return "none"

    def embed(self, images):
        return {"level": said(images.reshape(len(images), -1))}

    def embed_sounds(self, waveforms):
        return {"level": said(waveforms)}

def said(values):
    return np.column_stack([values.mean(axis=1), np.full(len(values), os.getpid())]).astype("f4")
"""
PAIRS = Pairs(
    images=np.zeros((2, 16, 16, 3), dtype=np.uint8),
    acoustic=np.zeros((2, 4), dtype=np.float32),
    label=np.arange(2),
    classes=("a", "b"),
    source=np.array(["0", "1"]),
)
SOUNDS = [np.full((3, 50), level, dtype=np.float32) for level in range(9)]


@pytest.fixture
def ears(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("a2ibench.parallel.Processes._count", lambda self: 2)
    path = tmp_path / "ears_of_file.py"
    path.write_text(FILE)
    registry.load_plugin_file(path)
    return load_judge("ears_of_file", PAIRS, DataKey("data"))


def test_many_batches_of_sounds_go_to_processes_and_come_back_in_order(ears):
    found = np.stack([out["level"] for out in embed_batches(ears, "sounds", SOUNDS, len(SOUNDS))])
    np.testing.assert_array_equal(found[:, :, 0], np.arange(9)[:, np.newaxis] * np.ones(3))
    assert np.float32(os.getpid()) not in found[:, :, 1]
    assert len(np.unique(found[:, :, 1])) <= 2


@pytest.mark.parametrize(("kind", "batches"), [("sounds", SOUNDS[:7]), ("images", SOUNDS)])
def test_few_batches_and_images_are_embedded_here(ears, kind, batches):
    found = [out["level"] for out in embed_batches(ears, kind, batches, len(batches))]
    assert {*np.stack(found)[:, :, 1].ravel()} == {np.float32(os.getpid())}
