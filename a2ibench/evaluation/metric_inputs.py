"""The inputs of metrics: whether a judge gives what they read."""

from collections.abc import Mapping, Sequence
from typing import Literal

from a2ibench import registry
from a2ibench.contracts.judge import Kind
from a2ibench.contracts.metric import OWN, JudgeOutputs, Metric
from a2ibench.errors import UserError, unknown

Gives = Mapping[Kind, tuple[str, ...]]
"""Names of outputs for images, sounds or texts."""
Space = Literal["images", "judge", "encoder"]


def check_judge(metric: Metric) -> None:
    """Refuse a metric whose judge is unknown or lacks an output; name judges that would do."""
    gives: Gives = {"images": ("acoustic",)}
    if metric.judge in registry.judges:
        gives = registry.judges.get(metric.judge).gives()
    elif metric.judge != OWN:
        raise unknown(f"judge of {metric.name}", metric.judge, registry.judges.names())
    if lack := _lack(metric, gives):
        would_do = [
            name
            for name in registry.judges.names()
            if not _lack(metric, registry.judges.get(name).gives(), declared=True)
        ]
        raise UserError(
            f"metric {metric.name}: judge {metric.judge} {lack}; judges that give it:"
            f" {', '.join(would_do) or 'none'}"
        )


def _lack(metric: Metric, gives: Gives, declared: bool = False) -> str:
    """Say what a judge gives and a metric reads besides; nothing where the metric is served.

    Outputs that a judge does not declare count as lacking where they have to be ``declared``.
    """
    reads: Gives = {
        "images": metric.reads,
        "sounds": metric.reads_sounds,
        "texts": metric.reads_texts,
    }
    for kind, names in reads.items():
        if kind not in gives and (names or kind == "images"):
            return f"embeds {', '.join(sorted(gives))}, the metric reads {kind}"
        given = gives.get(kind, ())
        lacking = [name for name in names if name not in given]
        if lacking and (given or declared):
            of = "" if kind == "images" else f" for {kind}"
            return f"gives {', '.join(given)}{of}, the metric reads {', '.join(lacking)}"
    return ""


def heard_by(metrics: Sequence[Metric]) -> set[str]:
    """Return the names of the judges that have to embed sounds for some metrics.

    Besides outputs for sounds, a metric of images may read ``acoustic``, which is such an output
    where the judge hears.
    """
    return {
        metric.judge
        for metric in metrics
        if metric.judge != OWN
        and "sounds" in registry.judges.get(metric.judge).embeds
        and (metric.reads_sounds or not metric.reads or "acoustic" in metric.reads)
    }


def space_of(metric: Metric) -> Space:
    """Return the space of what a metric compares; only in the last one encoders differ.

    Those of quality, and those of a match that read features of images and nothing else, have the
    ``"images"`` alone. Others meet sounds in the space of a ``"judge"`` that hears, or else of the
    ``"encoder"``.
    """
    alone = bool(metric.reads) and "acoustic" not in metric.reads
    if metric.group == "quality" or (alone and not metric.reads_sounds and not metric.needs):
        return "images"
    if metric.judge in registry.judges and metric.group in ("match", "match_in_class"):
        return "judge" if "sounds" in registry.judges.get(metric.judge).embeds else "encoder"
    return "encoder"


def check_reads(metric: Metric, outputs: JudgeOutputs) -> None:
    """Refuse a metric that reads an output which its judge did not give, nor declared."""
    for names, given in (
        (metric.reads, outputs.generated),
        (metric.reads_sounds, outputs.sounds),
        (metric.reads_texts, outputs.texts),
    ):
        if lacking := [name for name in names if name not in given]:
            raise UserError(
                f"metric {metric.name}: judge {metric.judge} gives {', '.join(given)}, the"
                f" metric reads {', '.join(lacking)}; choose another judge"
            )
