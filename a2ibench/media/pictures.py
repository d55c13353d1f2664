"""Read the middle square of picture files and frames, upright and antialiased."""

from pathlib import Path

import numpy as np
from PIL import Image

from a2ibench.types import ImageArray, RejectedError

FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""Suffix → format. No other format is opened, whatever the file's name: some are programs, and
opening them starts an interpreter."""
MAX_PIXELS = 100_000_000
"""Largest number of pixels of a picture or frame; headers that claim more are refused."""


def read_picture(path: Path, size: int) -> ImageArray:
    """Read the middle square of a picture file, upright, as uint8 ``[size, size, 3]``.

    Raises:
        RejectedError: the file is not a picture of one of ``FORMATS``, is damaged, or claims to be
            larger than ``MAX_PIXELS``.
    """
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=sorted(set(FORMATS.values()))) as opened:
            check_pixels(*opened.size)
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                picture = _eight_bits(picture)
            return square(flatten(picture), size)
    except UnidentifiedImageError:
        known = ", ".join(sorted(set(FORMATS.values())))
        raise RejectedError(f"not a readable picture (expected {known})") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RejectedError(f"the picture cannot be decoded ({error})") from error


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit and float greyscale, which PIL clips at 255 when it converts.

    What is white in 32 bits, whole numbers or floats, is told from the lightest level.
    """
    levels = np.asarray(picture, dtype=np.float64)
    if picture.mode.startswith("I;16") or levels.max() > 255:
        top = 65_535.0
    else:
        top = 255.0 if levels.max() > 1 else 1.0
    return Image.fromarray((np.clip(levels / top, 0, 1) * 255).round().astype(np.uint8))


def flatten(picture: Image.Image) -> Image.Image:
    """Convert to RGB, on black where the picture is transparent."""
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer).convert("RGB")
    return picture.convert("RGB")


def square(picture: Image.Image, size: int, aspect: float = 1.0) -> ImageArray:
    """Cut out the middle square with antialiasing: uint8 ``[size, size, 3]``.

    Args:
        picture: RGB, at least one pixel.
        size: side of the result.
        aspect: width of a pixel over its height.
    """
    side = min(picture.width * aspect, picture.height)
    wide, high = side / aspect, side
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    box = (left, top, left + wide, top + high)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, box=box))


def check_pixels(width: int, height: int) -> None:
    """Check the size of a picture.

    Raises:
        RejectedError: it has no pixels, or more than ``MAX_PIXELS``.
    """
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise RejectedError(
            f"a picture of {width} × {height} px; expected at most {MAX_PIXELS // 10**6} megapixels"
        )
