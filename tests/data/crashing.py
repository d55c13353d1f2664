"""A decoder that crashes on one file, games that end their process; in a module of their own, since
other processes import them."""

import os
import signal
from pathlib import Path
from typing import Any

from a2ibench.data.files.clip import Clip
from a2ibench.data.files.clips import _cut as real_cut
from a2ibench.media.cutting import Cut, Cutting, cut
from a2ibench.types import Pair, Split
from a2ibench_plugins.datasets.arcade import Arcade


def crash(root: Path, clip: Clip, cutting: Cutting) -> tuple[Cut, dict[str, Any]]:
    """As the real one, but for the source ``a1``."""
    if clip.source == "a1":
        os.kill(os.getpid(), signal.SIGSEGV)
    return cut(root / clip.file, cutting), {"file": clip.file}


def overlook(root: Path, clip: Clip, cutting: Cutting) -> Any:
    """As the real one where the folder of the files is not mounted."""
    return real_cut(root / "not mounted", clip, cutting)


class Ending(Arcade):
    """Freeway ends its process at once, and pong in its second episode."""

    def _play(self, game: str, episode: int, split: Split) -> list[Pair]:
        if game == "freeway" or (game == "pong" and episode == 1):
            os._exit(3)
        return super()._play(game, episode, split)
