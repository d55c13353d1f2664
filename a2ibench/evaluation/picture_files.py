"""Picture files that other programs wrote: which are taken, and what has to be converted."""

from collections.abc import Sequence
from pathlib import Path

from a2ibench.media.pictures import FORMATS as READABLE
from a2ibench.media.pictures import read_picture
from a2ibench.types import ImageArray, RejectedError

FORMATS = {
    suffix: name for suffix, name in READABLE.items() if name in ("BMP", "JPEG", "PNG", "WEBP")
}
MAX_LISTED = 5
"""Largest number of mistakes, or files, that one message names."""
PNG_DEPTH = 24
"""The byte of a PNG file that holds the bits of a sample: PIL makes 8 of 16 without a word."""
ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held."""


def read_checked(path: Path, size: int, resize: bool) -> tuple[ImageArray, list[str]]:
    """Read a picture of a known suffix, upright; say what had to be done to it.

    Args:
        path: the file, with a suffix of :data:`FORMATS`.
        size: S, the expected side in pixels.
        resize: whether a picture of another size is resized (the middle square, Lanczos,
            antialiased) instead of rejected.

    Returns:
        uint8 ``[S, S, 3]``, and the conversions, worded to follow "3 images".

    Raises:
        RejectedError: it is no such picture, or there is more than one way to turn it into 8-bit
            RGB: transparent pixels, 16 bits a sample, several frames.
    """
    done = _check_kind(path, size, resize)
    return read_picture(path, size), done


def _check_kind(path: Path, size: int, resize: bool) -> list[str]:
    from PIL import Image, UnidentifiedImageError

    done = []
    try:
        with Image.open(path, formats=[FORMATS[path.suffix.lower()]]) as opened:
            if getattr(opened, "n_frames", 1) > 1:
                raise RejectedError("several frames; expected one picture")
            with path.open("rb") as stream:
                deep = opened.format == "PNG" and stream.read(PNG_DEPTH + 1)[PNG_DEPTH] > 8
            if deep or opened.mode.startswith(("I", "F")):
                raise RejectedError("more than 8 bits a sample; save it as 8-bit RGB")
            if opened.size != (size, size):
                found = f"{opened.width} × {opened.height} px"
                if not resize:
                    raise RejectedError(
                        f"{found}; expected {size} × {size} (--resize does it, antialiased)"
                    )
                square = opened.width == opened.height
                done.append(
                    f"resized to {size} px (Lanczos, antialiased)"
                    + ("" if square else ", the middle square")
                )
            if opened.mode not in ("RGB", "RGBA"):
                done.append(f"converted from mode {opened.mode} to RGB")
            if "A" in opened.getbands() or "transparency" in opened.info:
                if opened.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                    raise RejectedError("transparent pixels; save it on the ground that is meant")
                done.append("had an opaque alpha channel, dropped")
            if opened.getexif().get(ORIENTATION, 1) != 1:
                done.append("turned upright, as EXIF says")
            if opened.format == "JPEG":
                done.append("in JPEG files: compression changes scores")
    except UnidentifiedImageError:
        raise RejectedError(f"not a {FORMATS[path.suffix.lower()]} picture") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RejectedError(f"the picture cannot be decoded ({error})") from error
    return done


def is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a file lies in a folder once links are followed."""
    return path.resolve().is_relative_to(folder.resolve())


def some(things: Sequence[object], separator: str = ", ") -> str:
    """Return the first few things, and how many more there are."""
    more = [f"… {len(things) - MAX_LISTED} more"] if len(things) > MAX_LISTED else []
    return separator.join([*map(str, things[:MAX_LISTED]), *more])
