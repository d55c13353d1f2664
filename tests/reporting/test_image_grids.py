"""Grids of pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from a2ibench.reporting.image_grids import save_grid


def pictures(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)


def test_a_grid_is_drawn_again_only_where_it_would_look_different(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    rows = {"real": pictures(0), "<b>$x": pictures(1)}

    def drawn(rows: dict[str, np.ndarray], headings: list[str]) -> bool:
        before = path.stat().st_ino if path.exists() else None
        save_grid(rows, headings, path)
        return path.stat().st_ino != before

    assert drawn(rows, ["a", "b"])
    assert not drawn(rows, ["a", "b"])
    assert drawn(rows, ["a", "c"])
    assert drawn(dict(reversed(rows.items())), ["a", "c"])
    assert drawn({**rows, "real": pictures(2)}, ["a", "c"])
    path.write_bytes(b"damaged")
    assert drawn(rows, ["a", "b"])
    with Image.open(path) as image:
        assert image.width > image.height > 100


def test_without_rows_there_is_no_grid(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    save_grid({"real": pictures(0)}, ["a", "b"], path)
    save_grid({}, ["a", "b"], path)
    assert not path.exists()
