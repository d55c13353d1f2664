"""Judges that hear and read: sounds and class names are embedded once by each of them."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from a2ibench.data.sounds import chunks, distinct, waveforms
from a2ibench.errors import UserError
from a2ibench.evaluation.embed_batches import embed_batches
from a2ibench.evaluation.judging import LoadedJudge, Parts, embedded
from a2ibench.protocol import PROTOCOL
from a2ibench.storage import cache_dir, content_key
from a2ibench.types import FloatArray, Sounds


def embed_sounds(
    loaded: LoadedJudge,
    sounds: Sounds,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, FloatArray]:
    """Return a judge's outputs for sounds, cached by what they were cut from.

    They are streamed, at the judge's rate, and tiled where they are too short for it
    (:func:`~a2ibench.data.sounds.too_short`). A sound that several pairs share is embedded once.

    Args:
        loaded: a judge that embeds sounds.
        sounds: the sounds.
        progress: called with the number of sounds embedded so far and in total.

    Returns:
        The judge's outputs by name, float32 ``[n, k]``.

    Raises:
        TypeError: the judge's outputs are not float32 ``[n, k]``.
        ValueError: its outputs are not finite.
    """
    judge = loaded.judge
    first, position = distinct(sounds)
    few = sounds.take(first)

    def parts() -> Parts:
        if loaded.base is not None and "sounds" in loaded.base.judge.embeds:
            base = embed_sounds(loaded.base, few, progress)
            yield np.arange(len(few)), judge.embed_sounds_from(base)
            return
        pieces = chunks(few)
        heard = (one for _, one in waveforms(few, judge.sample_rate, judge.min_samples))
        done = 0
        for rows, outputs in zip(
            pieces, embed_batches(loaded, "sounds", heard, len(pieces)), strict=True
        ):
            yield rows, outputs
            done += len(rows)
            progress(done, len(few))

    place = hashlib.sha256(np.column_stack([few.start, few.length]).tobytes()).hexdigest()
    key = content_key([loaded.fingerprint, sounds.origin, place, PROTOCOL])
    outputs = embedded(cache_dir("sounds") / f"{judge.name}_{key}.npz", judge, len(few), parts)
    return {name: output[position] for name, output in outputs.items()}


def embed_texts(loaded: LoadedJudge, classes: Sequence[str]) -> dict[str, FloatArray]:
    """Return a judge's outputs for class names, float32 ``[classes, k]`` by name, cached.

    For errors see :func:`texts_of` and :func:`embed_sounds`.
    """
    judge, texts = loaded.judge, texts_of(classes)

    def parts() -> Parts:
        yield np.arange(len(texts)), judge.embed_texts(texts)

    key = content_key([loaded.fingerprint, texts, PROTOCOL])
    return embedded(cache_dir("texts") / f"{judge.name}_{key}.npz", judge, len(texts), parts)


def texts_of(classes: Sequence[str]) -> list[str]:
    """Write class names as texts, with spaces for underscores.

    Raises:
        UserError: a name without a letter, or two that are one text.
    """
    texts = [" ".join(name.replace("_", " ").split()) for name in classes]
    for name, text in zip(classes, texts, strict=True):
        if not any(letter.isalpha() for letter in text):
            raise UserError(f"class {name!r} has no text: expected a name with letters; rename it")
        if texts.count(text) > 1:
            same = ", ".join(repr(c) for c, t in zip(classes, texts, strict=True) if t == text)
            raise UserError(f"classes {same} have the same text {text!r}; rename one of them")
    return texts
