"""Known damage to known pictures, and what each metric has to say to it.

The data are ``synthetic``: what made a scene is known, so a perfect generator can be written down.
It draws the factors that a sound tells as they are, and the others as its noise says.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import stats
from scipy.ndimage import gaussian_filter

from a2ibench.contracts.metric import Metric
from a2ibench.evaluation.eval_set import EvalSet
from a2ibench.evaluation.evaluate import GeneratedImages, MetricResult
from a2ibench.types import ImageArray, IntArray
from a2ibench_plugins.datasets.synthetic.picture import draw
from a2ibench_plugins.datasets.synthetic.scene import Scene

UNSEEN_IN_SOUND = ("hue", "shade", "camera")
FEW = 5


def perfect(exam: EvalSet, noises: int, rng: np.random.Generator) -> GeneratedImages:
    """The real test images, and for the grid what a perfect generator draws.

    Args:
        exam: of ``synthetic``.
        noises: Z.
        rng: where the noise comes from, the same for all sounds.
    """
    test, size = exam.test, exam.test.images[:1].shape[1]
    chance = rng.random((noises, len(UNSEEN_IN_SOUND)))
    grid = [
        [
            draw(
                test.classes[test.label[row]],
                replace(
                    Scene(**{name: float(value[row]) for name, value in test.factors.items()}),
                    **dict(zip(UNSEEN_IN_SOUND, map(float, z), strict=True)),
                ),
                size,
            )
            for z in chance
        ]
        for row in exam.grid_rows
    ]
    return GeneratedImages(test.images[:], np.array(grid))


@dataclass(frozen=True)
class Case:
    """What is damaged: undamaged drawings, on which exam, with what chance."""

    exam: EvalSet
    whole: GeneratedImages
    rng: np.random.Generator

    def each(self, change: Callable[[ImageArray], ImageArray]) -> GeneratedImages:
        """Every picture changed by itself."""
        images, grid = np.stack([change(image) for image in self.whole.images]), self.whole.grid
        if grid is not None:
            changed = [change(image) for image in grid.reshape(-1, *grid.shape[2:])]
            grid = np.stack(changed).reshape(grid.shape)
        return GeneratedImages(images, grid)

    def move(self, order: Callable[[IntArray], IntArray]) -> GeneratedImages:
        """The pictures of other segments: ``order(label)`` says whose."""
        label, grid = self.exam.test.label, self.whole.grid
        assert grid is not None
        return GeneratedImages(
            self.whole.images[order(label)], grid[order(label[self.exam.grid_rows])]
        )

    def deranged(self, rows: IntArray) -> IntArray:
        """The rows in another order, none at its place."""
        order = self.rng.permutation(rows)
        moved = np.empty_like(rows)
        moved[np.searchsorted(rows, order)] = np.roll(order, 1)
        return moved

    def from_few(self, count: int) -> GeneratedImages:
        """Of each class, ``count`` real pictures stand for all."""
        label, rows = self.exam.test.label, self.exam.grid_rows
        chosen = {c: self.rng.choice(np.flatnonzero(label == c), count) for c in np.unique(label)}
        images = self.whole.images
        grid = np.array([self.rng.choice(chosen[c], self.noises) for c in label[rows]])
        return GeneratedImages(images[[self.rng.choice(chosen[c]) for c in label]], images[grid])

    @property
    def noises(self) -> int:
        """Z."""
        assert self.whole.grid is not None
        return self.whole.grid.shape[1]


def blurred(case: Case, share: float = 1 / 20) -> GeneratedImages:
    """A Gaussian of that share of the side."""
    sigma = case.whole.images.shape[1] * share
    return case.each(lambda image: gaussian_filter(image, (sigma, sigma, 0)))


def noisy(case: Case, sigma: float = 40) -> GeneratedImages:
    """White noise with that standard deviation in grey levels."""

    def change(image: ImageArray) -> ImageArray:
        noise = case.rng.normal(0, sigma, image.shape)
        return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)

    return case.each(change)


def jpeg(case: Case, quality: int) -> GeneratedImages:
    """Compressed and read again."""

    def change(image: ImageArray) -> ImageArray:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream))

    return case.each(change)


def swapped_class(label: IntArray) -> IntArray:
    """For each row, the row of the same rank of the next class."""
    rows = [np.flatnonzero(label == c) for c in np.unique(label)]
    order = np.empty(len(label), dtype=np.int64)
    for own, other in zip(rows, rows[1:] + rows[:1], strict=True):
        order[own] = np.resize(other, len(own))
    return order


def shuffled_in_class(case: Case, label: IntArray) -> IntArray:
    order = np.empty(len(label), dtype=np.int64)
    for c in np.unique(label):
        rows = np.flatnonzero(label == c)
        order[rows] = case.deranged(rows)
    return order


def first_class_only(case: Case, label: IntArray) -> IntArray:
    """Own pictures in the first class, random ones of it elsewhere."""
    first = np.flatnonzero(label == label.min())
    return np.where(label == label.min(), np.arange(len(label)), case.rng.choice(first, len(label)))


def copies(case: Case) -> GeneratedImages:
    """The training images whose sounds are nearest."""
    test, train = case.exam.test, case.exam.train
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (test.acoustic, train.acoustic))
    near = np.argsort(-(a @ b.T), axis=1, kind="stable")
    grid = near[case.exam.grid_rows, : case.noises]
    images = train.images[:]
    return GeneratedImages(images[near[:, 0]], images[grid])


def deaf(case: Case) -> GeneratedImages:
    """The pictures of other segments; in the grid, of the first sound for all."""
    shuffled = case.move(lambda label: case.deranged(np.arange(len(label))))
    assert case.whole.grid is not None
    return GeneratedImages(
        shuffled.images, np.repeat(case.whole.grid[:1], len(case.whole.grid), axis=0)
    )


def without_noise(case: Case) -> GeneratedImages:
    """One picture a sound in the grid."""
    assert case.whole.grid is not None
    return GeneratedImages(
        case.whole.images, np.repeat(case.whole.grid[:, :1], case.noises, axis=1)
    )


DAMAGES: Mapping[str, Callable[[Case], GeneratedImages]] = {
    "jpeg 95": lambda case: jpeg(case, 95),
    "jpeg 5": lambda case: jpeg(case, 5),
    "blur": blurred,
    "noise": noisy,
    "colours": lambda case: case.each(lambda image: np.roll(image, 1, axis=2)),
    "other class": lambda case: case.move(swapped_class),
    "shuffled": lambda case: case.move(lambda label: case.deranged(np.arange(len(label)))),
    "shuffled in class": lambda case: case.move(lambda label: shuffled_in_class(case, label)),
    "one class": lambda case: case.move(lambda label: first_class_only(case, label)),
    "few images": lambda case: case.from_few(FEW),
    "one image": lambda case: case.from_few(1),
    "copies": copies,
    "deaf": deaf,
    "no noise": without_noise,
}
"""``jpeg 95`` and ``no noise`` (of one picture a sound) do no harm that single pictures show."""

PIXELS = ("jpeg 5", "blur", "noise", "colours")
MATCH = ("other class", "shuffled", "one class", "deaf")
IN_CLASS = ("shuffled in class", "few images", "one image", "copies")
HARMLESS = ("jpeg 95", "no noise")
ORDER = ("other class", "shuffled", "shuffled in class", "deaf")
"""The same pictures at other segments."""


def _expect(
    worse: tuple[str, ...] = (), same: tuple[str, ...] = (), better: tuple[str, ...] = ()
) -> dict[str, str]:
    return {
        **dict.fromkeys(worse, "worse"),
        **dict.fromkeys(same, "same"),
        **dict.fromkeys(better, "better"),
    }


_COLLAPSE = ("one class", "few images", "one image")
_DISTANCE = _expect(worse=(*PIXELS, *_COLLAPSE), same=(*HARMLESS, *ORDER))
_FIDELITY = _expect(worse=PIXELS, same=(*HARMLESS, *ORDER, "one class", "few images"))
_COVERAGE = _expect(worse=(*PIXELS, *_COLLAPSE), same=(*HARMLESS, *ORDER))
_INCEPTION = _expect(
    worse=("jpeg 5", "blur", "noise", "one class", "one image"), same=(*HARMLESS, *ORDER)
)
_CLASS = _expect(worse=MATCH, same=(*HARMLESS, "shuffled in class", "copies"))
_MATCH = _expect(worse=(*MATCH, *IN_CLASS), same=HARMLESS)
_CHANCE = _expect(worse=("no noise", "one image"), same=("jpeg 95", *ORDER[:3]), better=("noise",))
_HEARING = _expect(worse=("deaf",), same=("jpeg 95", *ORDER[:3]))

EXPECTED: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(
        [
            *(f"{name}_lite0" for name in ("fid", "fid_inf", "kid", "cmmd", "mind")),
            *("fid_simclr", "kid_simclr", "fwd"),
        ],
        _DISTANCE,
    ),
    "precision3_lite0": _FIDELITY,
    "recall3_lite0": _COVERAGE,
    **{
        f"{clipped}{name}_{judge}": due
        for name, due in (("density5", _FIDELITY), ("coverage5", _COVERAGE))
        for clipped in ("", "clipped_")
        for judge in ("lite0", "simclr")
    },
    **dict.fromkeys(
        [f"{name}_lite0" for name in ("is1", "is10", "is10_published", "is_inf")], _INCEPTION
    ),
    **dict.fromkeys(
        [
            *("accuracy_resnet18", "aic_classifier_resnet18"),
            *(f"aic_classifier_means_{judge}" for judge in ("resnet18", "lite0")),
        ],
        _CLASS,
    ),
    **dict.fromkeys(
        [
            *(f"ais_{kind}_i2a_lite0" for kind in ("rate", "cos", "z")),
            *(f"iis_{kind}_lite0" for kind in ("rate", "cos", "z")),
            *(f"image_r{k}_lite0" for k in (1, 5, 10)),
        ],
        _MATCH,
    ),
    "cas_lite0": _CLASS | _expect(worse=("one image",)),
    "similarity_i2a_lite0": _MATCH,
    **dict.fromkeys(
        [
            f"{way}_{rank}_i2a_lite0"
            for way in ("a2i", "i2a")
            for rank in ("r1", "r5", "r10", "medr")
        ],
        _MATCH,
    ),
    **dict.fromkeys(
        [
            f"rprec{k}{where}_{judge}"
            for k in (1, 5, 10)
            for where in ("", "_inclass")
            for judge in ("i2a_lite0", "i2a_cnn")
        ],
        _MATCH,
    ),
    **dict.fromkeys(
        ["rprec10_i2a_aisfx", "rprec10_inclass_i2a_aisfx"],
        _MATCH,
    ),
    "factors_lite0": _MATCH,
    "diversity_lite0": _CHANCE,
    "msssim_diversity": _CHANCE,
    "noise_sensitivity_lite0": _CHANCE,
    "cond_vendi_lite0": _CHANCE,
    "cond_rke_lite0": _CHANCE,
    "audio_sensitivity_lite0": _HEARING,
    "audio_sensitivity_inclass_lite0": {
        damage: due
        for damage, due in (_HEARING | _expect(worse=("one image",))).items()
        # What was written first, "same", was wrong: pictures of any class are more than one class.
        if damage != "shuffled"
    },
    # Shuffled real test images *are* test images: they are as far from training images as copies
    # are from test images.
    "memorisation_lite0": _expect(
        worse=("copies",),
        same=(*HARMLESS, *PIXELS),
        better=("other class", "shuffled", "shuffled in class"),
    ),
    "authpct_lite0": _expect(worse=("copies",), same=(*HARMLESS, *PIXELS, *ORDER)),
    "ct_lite0": _expect(worse=("copies",), same=(*HARMLESS, *PIXELS, *ORDER)),
}
"""What is due: metric → damage → worse, same or better. Where nothing is, no entry stands."""

_IS = "what damage adds looks like more kinds of things to a network that knows photographs"
_RINGS = "at 64 px the rings of the compression are no trifle to a network that enlarges to 128"
_BY_FEATURES = (
    *("fid", "fid_inf", "kid", "cmmd", "mind", "precision3", "recall3"),
    *("density5", "coverage5", "clipped_density5", "clipped_coverage5"),
)
_COMPRESSION = "simclr hardly sees compression in these scenes of few colours and straight edges"
_LITTLE = "it changes, but little beside what damage to the pixels does"
_FAR = "pictures far from all real ones are far from the training images, too"

KNOWN: Mapping[tuple[str, str], str] = {
    **{
        (f"{name}_lite0", damage): _IS
        for name in ("is1", "is10", "is10_published", "is_inf")
        for damage in ("jpeg 95", *PIXELS[:3])
    },
    **{
        (f"{name}_lite0", "jpeg 95"): _RINGS
        for name in (*_BY_FEATURES, "iis_cos", "image_r1", "image_r5", "image_r10")
    },
    **{
        (f"{name}_simclr", "jpeg 5"): _COMPRESSION
        for name in ("fid", "kid", *(name for name in _BY_FEATURES if name.endswith("5")))
    },
    ("density5_simclr", "jpeg 95"): _COMPRESSION,
    **{
        (f"{name}_lite0", damage): _FAR
        for name in ("authpct", "ct")
        for damage in ("jpeg 95", *PIXELS)
    },
    ("kid_lite0", "few images"): _LITTLE,
    ("cmmd_lite0", "few images"): _LITTLE,
    ("kid_simclr", "other class"): "each real picture then meets itself at another segment",
    ("cas_lite0", "one image"): "classes this unlike are learnt from a picture each",
    ("i2a_medr_i2a_lite0", "one class"): "the jackknife of a median is rough: a wide interval",
}
"""Where metrics do not say what is due, and why, as far as it is understood."""

TOLERANCE = 0.05
"""A change is none where it is below this share of the metric's range over all damages."""


def verdict(metric: Metric, whole: MetricResult, damaged: MetricResult, reach: float) -> str:
    """What a metric says: ``worse``, ``same`` or ``better``.

    It says so if the change is more than ``TOLERANCE`` · ``reach`` *and* its 95 % interval, over
    the blocks of source clips that both share, leaves 0 out.

    Args:
        metric: whose score it is.
        whole: of the undamaged pictures.
        damaged: of the damaged ones.
        reach: largest less smallest score over the damages.
    """
    change = damaged.score.value - whole.score.value
    blocks = damaged.pseudo - whole.pseudo
    sure = 0.0
    if np.isfinite(blocks).all():
        sure = float(stats.t.ppf(0.975, len(blocks) - 1) * stats.sem(blocks))
    if abs(change) <= max(sure, TOLERANCE * reach):
        return "same"
    return "better" if (change > 0) == metric.higher_is_better else "worse"
