"""Picture files: the formats of the list are read, and no other, whatever a file is called."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from a2ibench.media.pictures import FORMATS, read_picture
from a2ibench.reporting import image_grids
from a2ibench.types import RejectedError


def picture(path: Path, kind: str) -> Path:
    Image.new("RGB", (12, 10), (200, 40, 90)).save(path, format=kind)
    return path


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_each_listed_format_is_read(tmp_path, suffix):
    read = read_picture(picture(tmp_path / f"a{suffix}", FORMATS[suffix]), 8)
    np.testing.assert_allclose(read, np.broadcast_to((200, 40, 90), (8, 8, 3)), atol=8)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("level", [1, 90, 200, 51 * 257, 65_535])
def test_a_grey_picture_of_16_bits_is_as_bright_as_it_says(tmp_path, suffix, level):
    """Also one so dark that its levels would fit into 8 bits."""
    Image.fromarray(np.full((12, 10), level, np.uint16)).save(tmp_path / f"a{suffix}")
    read = read_picture(tmp_path / f"a{suffix}", 8)
    np.testing.assert_array_equal(read, round(level / 257))


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_another_format_is_not_opened_whatever_the_file_is_called(tmp_path, suffix):
    path = picture(tmp_path / f"a{suffix}", "GIF")
    with pytest.raises(RejectedError, match="expected BMP, JPEG, PNG, PPM, TIFF, WEBP"):
        read_picture(path, 8)


def test_a_figure_of_another_format_is_none_of_ours(tmp_path):
    path = tmp_path / "figure.png"
    image_grids.save_grid({"a": np.zeros((1, 4, 4, 3), np.uint8)}, ["b"], path)
    assert image_grids._key_of(path)
    assert image_grids._key_of(picture(path, "GIF")) is None
