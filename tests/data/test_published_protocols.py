"""A published protocol prepares pairs as far as it is public, and says what is not."""

import json
import shutil

import pytest
from small_films import call

from a2ibench import config, registry
from a2ibench.cli.published import as_published
from a2ibench.data.held_list import held_by
from a2ibench.data.store import PairStore
from a2ibench.errors import UserError


@pytest.mark.parametrize("name", registry.protocols.names())
def test_every_protocol_has_a_layout_with_its_options_and_known_metrics(name):
    protocol = registry.protocols.get(name)
    layout = registry.datasets.get(protocol.layout)
    options, notes = as_published(name, protocol.layout, {})
    built = config.build(layout.Config, options, name)
    assert {key: getattr(built, key) for key in protocol.options} == protocol.options
    assert not [note for note in notes if note.startswith("not as published")]
    assert all(registry.metrics.get(metric).name == metric for metric in protocol.metrics)
    assert protocol.public
    assert protocol.not_public


def test_what_differs_from_a_protocol_is_said():
    options, notes = as_published("landscape", "folder", {"image_size": "64", "seconds": "2"})
    assert options == {"image_size": "64", "seconds": "2"}
    assert notes[:4] == [
        "protocol landscape: SonicDiffusion (Biner et al. 2024), Landscape",
        "not as published: layout folder, published manifest",
        "not as published: image_size=64, published 512",
        "published on 55 test sounds, 10 pictures each",
    ]


PUBLISHED = registry.protocols.get("vggsound50").options["classes"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seconds": "10"}, []),
        ({"seconds": "10.0", "hop": 10}, []),
        ({"seconds": "9.5"}, ["seconds=9.5, published 10"]),
        ({"classes": config.join_list(PUBLISHED)}, []),
        ({"classes": PUBLISHED[::-1]}, []),
        (
            {"classes": (*PUBLISHED[1:], "owl")},
            ["classes=50 of them, published 50 of them, 49 in common"],
        ),
    ],
)
def test_values_are_compared_with_the_published_ones_and_not_their_spelling(settings, said):
    notes = as_published("vggsound50", "vggsound", settings)[1]
    assert [note for note in notes if note.startswith("not as published")] == [
        f"not as published: {one}" for one in said
    ]


def test_an_option_that_the_layout_does_not_have_is_refused():
    with pytest.raises(UserError, match="unknown option of vggsound 'secnds'; did you mean seco"):
        as_published("vggsound50", "vggsound", {"secnds": "10"})


def test_pairs_are_prepared_by_a_protocol(films, tmp_path):
    root = tmp_path / "VGG"
    root.mkdir()
    sides = [("skiing", "train"), ("skiing", "test"), ("other class", "test"), ("skiing", "test")]
    lines = [f"-id_{i},{i},{label},{side}" for i, (label, side) in enumerate(sides)]
    (root / "vggsound.csv").write_text("\n".join(lines))
    for i in range(3):
        shutil.copy(films / "dog" / "0.mkv", root / f"-id_{i}_{i:06d}.mkv")
    out = tmp_path / "out"
    small = [f"--set={one}" for one in ("seconds=1", "hop=1", "image_size=16", "classes=skiing")]
    done = call("data", "prepare", root, "--protocol", "vggsound50", "--out", out, *small)
    assert done.exit_code == 0, done.output
    assert "note: not as published: image_size=16, published 128" in done.output
    assert (
        "note: not as published: classes=1 of them, published 50 of them, 1 in common"
        in done.output
    )
    assert "--metric image_r1_clip_b32 --metric image_r5_clip_b32" in done.output
    notes = json.loads((out / "store.json").read_text())["notes"]
    assert notes[0].startswith("held 2 of 3 listed clips")
    assert (
        "protocol vggsound50: Sound2Scene (Sung-Bin et al. 2023), 50 classes of VGGSound" in notes
    )
    assert any(note.startswith("not public: ") for note in notes)
    held = held_by(PairStore(out))
    assert (set(held.source), held.start) == ({"-id_1"}, (1000, 2000))  # of the film, not the file
