"""Training of a SoundNet: a judge that knows images is the teacher of their sounds."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from a2ibench import __version__
from a2ibench.data.holdout import hold_out_rows
from a2ibench.data.store import PairStore, StoredImages
from a2ibench.data.verification import verify
from a2ibench.errors import UserError
from a2ibench.evaluation.judging import BATCH, LoadedJudge, embed_images, load_judge
from a2ibench.media.audio import resample
from a2ibench.registry import judges
from a2ibench.soundnet.distil import Budget, Lessons, distil, mean_divergence
from a2ibench.soundnet.network import SAMPLE_RATE, Architecture, Layer, SoundNet
from a2ibench.storage import atomic_write, content_key
from a2ibench.training.device import choose_device, make_deterministic
from a2ibench.training.fit import DivergedError
from a2ibench.types import DataKey, FloatArray, IntArray, Pairs

FORMAT = 1
HELD_SHARE = 0.2
"""Share of the training sources of each class on which the result is measured."""

Counter = Callable[[str], Callable[[int, int], None]]
"""A title → a progress function ``(done, total)``."""


@dataclass(frozen=True)
class Taught:
    """The result of a training.

    Attributes:
        teacher: the judge's name.
        head: the head that learnt from it.
        train: number of pairs it was trained on.
        held: number of held-out pairs; they have no source in common with the former.
        before: mean D_KL(teacher ‖ student) on the held-out pairs, in nats, before the training.
        after: the same after it.
        floor: the same for a constant answer, the mean posterior of the training pairs.
    """

    teacher: str
    head: str
    train: int
    held: int
    before: float
    after: float
    floor: float


def teach_soundnet(
    store: PairStore,
    architecture: Architecture,
    teacher: str,
    budget: Budget,
    out: Path,
    counter: Counter,
) -> Taught:
    """Train a SoundNet on the training split of a store, and write its weights.

    The same call resumes an interrupted one and ends with the same bytes; its checkpoint lies
    beside ``out`` until then. The test split is not touched: models whose encoder had learnt from
    it would be judged on data that it had seen.

    Args:
        store: the pairs.
        architecture: SoundNet-5 or SoundNet-8.
        teacher: a registered judge that is not trained on the dataset and gives ``"logits"`` over
            1000 classes (the objects head learns them) or 401 (the scenes head).
        budget: of the training.
        out: the ``.safetensors`` file to make, for the encoders' option ``weights``; its metadata
            record its origin. If the same call made it before, nothing is done.
        counter: makes progress functions.

    Raises:
        UserError: the store is damaged, the teacher is unknown or unfit, a class has fewer than
            two training sources, the training diverged, or ``out`` holds something else.
    """
    if out.suffix != ".safetensors":
        raise UserError(f"{out}: expected a name that ends in .safetensors")
    verify(store)
    rows = store.rows("train")
    source = store.index["source"].to_numpy(dtype=np.str_)[rows]
    kept, held = hold_out_rows(
        store.label(rows), source, store.classes, HELD_SHARE, seed=budget.seed
    )
    judge = _load_teacher(teacher, store, rows, source)
    recipe = {
        "format": FORMAT,
        "network": architecture.name,
        "teacher": teacher,
        "teacher_fingerprint": judge.fingerprint,
        "teacher_weights": judge.judge.weights_hash(),
        "store": store.content_hash,
        "dataset": store.name,
        **asdict(budget),
    }
    if out.exists():
        return _same_again(out, recipe)
    posterior, head = _posteriors(judge, store, rows, architecture, counter)
    train, validation = (
        Lessons(_listener(store, rows[part]), posterior[part]) for part in (kept, held)
    )
    device = choose_device()
    make_deterministic(budget.seed, device)
    network = SoundNet(architecture, head.name).to(device)
    seconds = np.median(store.index["audio_length"].to_numpy()[rows]) / store.sample_rate
    before = mean_divergence(network, validation, counter("measuring, before"))
    checkpoint = out.with_name(f".{out.name}.{content_key(recipe)}.training")
    try:
        distil(
            network,
            train,
            budget,
            samples=max(network.min_samples, round(seconds * SAMPLE_RATE)),
            checkpoint=checkpoint,
            report=counter(f"teaching {architecture.name}"),
        )
        after = mean_divergence(network, validation, counter("measuring, after"))
        if not np.isfinite(after):
            raise DivergedError(f"the divergence on held-out pairs is {after}")
    except DivergedError as error:
        raise UserError(
            f"the training of {architecture.name} diverged ({error}); try a learning rate below"
            f" {budget.learning_rate:g}"
        ) from error
    taught = Taught(
        teacher,
        head.name,
        len(kept),
        len(held),
        before,
        after,
        float(scipy.special.rel_entr(posterior[held], posterior[kept].mean(0)).sum(1).mean()),
    )
    about = {**recipe, "a2ibench": __version__, "result": asdict(taught)}
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    with atomic_write(out) as temporary:
        save_file(state, temporary, {"a2ibench": json.dumps(about)})
    checkpoint.unlink(missing_ok=True)
    return taught


def _load_teacher(
    name: str, store: PairStore, rows: IntArray, source: "np.ndarray[Any, np.dtype[np.str_]]"
) -> LoadedJudge:
    plugin = judges.get(name)
    if plugin.trained:
        raise UserError(
            f"teacher {name}: it is trained on the dataset itself; take a judge that knows images"
            " from elsewhere, as lite0 does"
        )
    if (lacks := plugin.missing()) is not None:
        raise UserError(f"teacher {name}: {lacks}")
    pairs = Pairs(
        images=StoredImages(store.images, rows),
        acoustic=np.empty((len(rows), 0), dtype=np.float32),  # it is not trained: it needs none
        label=store.label(rows),
        classes=store.classes,
        source=source,
    )
    return load_judge(name, pairs, DataKey(store.content_hash))


def _posteriors(
    judge: LoadedJudge,
    store: PairStore,
    rows: IntArray,
    architecture: Architecture,
    counter: Counter,
) -> tuple[FloatArray, Layer]:
    """Return the teacher's posteriors, float32 ``[n, k]``, and the head with as many classes."""
    name = judge.judge.name
    show, done = counter(f"{name} looks at images"), 0

    def embedded(_: str) -> None:
        nonlocal done
        done = min(done + BATCH, len(rows))
        show(done, len(rows))

    outputs = embed_images(judge, StoredImages(store.images, rows), embedded)
    if done < len(rows):  # equal images are embedded once
        show(len(rows), len(rows))
    if "logits" not in outputs:
        raise UserError(f"teacher {name}: it gives {', '.join(outputs)}; expected logits")
    heads = {head.after: head for head in (architecture.objects, architecture.scenes)}
    if (k := outputs["logits"].shape[1]) not in heads:
        raise UserError(
            f"teacher {name}: its logits are of {k} classes; the heads of {architecture.title} have"
            f" {' and '.join(map(str, heads))}"
        )
    posterior = scipy.special.softmax(outputs["logits"].astype(np.float64), axis=1)
    return posterior.astype(np.float32), heads[k]


def _listener(store: PairStore, rows: IntArray) -> Callable[[int], FloatArray]:
    return lambda i: resample(store.waveform(int(rows[i])), store.sample_rate, SAMPLE_RATE)


def _same_again(out: Path, recipe: dict[str, Any]) -> Taught:
    """Return the result in a file's metadata, if the same recipe made it."""
    try:
        with safe_open(out, "pt") as stream:
            about = json.loads((stream.metadata() or {})["a2ibench"])
        if all(about[name] == value for name, value in recipe.items()):
            made: Taught = TypeAdapter(Taught).validate_python(about["result"])
            return made
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError):
        pass  # not a file of ours
    raise UserError(f"{out}: exists and was made by another call; choose another name")
