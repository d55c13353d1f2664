"""Classification accuracy: the share of images that show the class of their sound."""

from typing import ClassVar

from a2ibench.config import option
from a2ibench.contracts.metric import JudgeOutputs, Metric, Over, Score, Variants, Which
from a2ibench.errors import UserError


class Accuracy(Metric):
    """The share of generated images that the judge gives the class of their segment.

    Of t classes that the judge finds equally likely, each is given with probability 1/t. Its
    accuracy on the real test images, the ceiling, is the ground-truth row's score.

    Where pairs have further labels, ``labels=any`` takes any class as right that is both heard and
    seen, as far as that is known. A class that is heard and not seen is a question without an
    answer: ``over=seen`` and ``over=unseen`` score those segments apart.
    """

    version = 2
    judge: str = option("resnet18", "classifier of the dataset's own classes")
    labels: Which = option("own", "classes that are right: the segment's own, or any of its labels")
    over: Over = option("all", "segments that count: all, or those whose class is (un)seen")
    reads = ("logits",)
    title = "accuracy"
    column = 20
    percent = True
    bounds = (0.0, 1.0)
    clips_in_class = 2
    variants: ClassVar[Variants] = {"accuracy_resnet18": {}}

    def __post_init__(self) -> None:
        """Need what is known of labels, where it is asked for."""
        super().__post_init__()
        if (self.labels, self.over) != ("own", "all"):
            self.needs = frozenset({"labels"})

    def compute(self, outputs: JudgeOutputs) -> Score:
        """See the class; ``per_segment`` is the probability of the right class.

        Raises:
            UserError: the judge knows other classes than the dataset's.
        """
        logits = outputs.generated["logits"]
        if logits.shape[1] != len(outputs.classes):
            raise UserError(
                f"{self.name}: judge {self.judge} knows {logits.shape[1]} classes, the data have"
                f" {len(outputs.classes)}; choose a judge that is trained on them"
            )
        targets, rows = outputs.targets(self.labels), outputs.rows_over(self.over)
        likeliest = logits == logits.max(axis=1, keepdims=True)
        right = ((targets & likeliest).sum(axis=1) / likeliest.sum(axis=1))[rows]
        return Score.mean(right, rows, len(targets), float(targets[rows].mean(axis=0).max()))
