"""Pictures: the drawings of each row for the same sounds, and with other noise."""

from a2ibench.contracts.section import Section
from a2ibench.media.data_uris import LONGEST
from a2ibench.reporting.image_grids import choose_segments
from a2ibench.reporting.page.view import StudyView
from a2ibench.results.drawings import draw_several

SEVERAL = 4
"""Sounds that are shown with several draws each."""


class Pictures(Section):
    """Figures 2 and 3."""

    name, title, place = "pictures", "Pictures", 15

    def collect(self, study: StudyView) -> dict[str, object]:
        for line in study.damaged_pictures:
            study.say(f"left out: {line}")
        several = []
        if (asked := study.asked) is not None:
            chosen = choose_segments(asked.exam.test.label[asked.exam.grid_rows], SEVERAL)
            several = draw_several(asked, study.study, chosen)
        return {
            "unseen": study.unseen,
            "drawn": study.drawn,
            "several": several,
            "budget": f"{study.study.budget:,} images" if len(study.study.budgets) > 1 else "",
            "longest": LONGEST,
        }
