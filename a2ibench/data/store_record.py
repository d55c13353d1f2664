"""The record of a pair store, ``store.json``, validated when it is read."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from a2ibench.storage import read_json

FORMAT = 2
"""Version of the layout on disk."""

Count = Annotated[int, Field(ge=0, lt=2**40)]
Size = Annotated[int, Field(ge=1, lt=2**20)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Counts(BaseModel):
    """Number of pairs on each side of the split, as prepared."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    train: Count
    test: Count


class Hashes(BaseModel):
    """The sha256 of the content of each file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    images: Sha256 = Field(alias="images.npy")
    audio: Sha256 = Field(alias="audio.npy")
    index: Sha256 = Field(alias="index.parquet")


class StoreRecord(BaseModel):
    """The content of ``store.json``.

    Attributes:
        format: version of the layout on disk.
        dataset: name of the dataset or layout.
        version: of the dataset.
        config: of the dataset.
        sample_rate: of the sounds, in hertz.
        n: number of pairs.
        counts: number of pairs on each side of the split.
        classes: names, sorted.
        image_size: side of the pictures in pixels.
        licence: of the pairs; empty if not stated.
        sha256: of the content of each file.
        content_hash: the store's identity, which follows from the hashes and the rate.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    format: int
    dataset: str = Field(min_length=1)
    version: int
    config: dict[str, Any]
    sample_rate: Annotated[int, Field(ge=1, lt=2**31)]
    n: Count
    counts: Counts
    classes: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    image_size: Size
    licence: str = ""
    sha256: Hashes
    content_hash: Sha256


def read_record(path: Path) -> dict[str, Any]:
    """Read plain values that fit :class:`StoreRecord`.

    Raises:
        OSError: the file cannot be read.
        OtherFormatError: it is of another format.
        ValueError: an entry is wrong; the message names it.
    """
    about = read_json(path)
    if not isinstance(about, dict) or "format" not in about:
        raise ValueError("expected an object with an entry format")
    if type(about["format"]) is int and about["format"] != FORMAT:
        raise OtherFormatError(about["format"])
    try:
        StoreRecord.model_validate(about)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}, got {_short(first['input'])}") from None
    return about


class OtherFormatError(Exception):
    """A store of another format; the argument is its number."""


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
