"""The screen: where its counters are, and how it becomes an image.

Counters are the score, the lives, and the time, level or ammunition left. They follow the episode
rather than the moment, and cannot be heard. A counter in which the game itself moves (a tank of
fuel or oxygen, the buildings of atlantis) stays, and so does what flies through an area that has
no score.
"""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from a2ibench.types import ImageArray

Area = tuple[int, int] | tuple[int, int, int, int]
"""First row and the row behind the last; then the columns, where it is not the whole width."""

COUNTERS: Mapping[str, tuple[Area, ...]] = {
    "assault": ((0, 13), (188, 210, 8, 60)),
    "asteroids": ((0, 18),),
    "atlantis": ((187, 204),),
    "beam_rider": ((0, 44), (181, 194)),
    "bowling": ((0, 100),),
    "boxing": ((0, 25),),
    "breakout": ((0, 17),),
    "carnival": ((0, 12), (201, 210)),
    "crazy_climber": ((0, 42),),
    "demon_attack": ((0, 19), (188, 196)),
    "double_dunk": ((0, 27),),
    "fishing_derby": ((0, 17),),
    "freeway": ((0, 15),),
    "frostbite": ((0, 33),),
    "gopher": ((0, 23),),
    "hero": ((151, 190),),
    "ice_hockey": ((0, 26),),
    "jamesbond": ((0, 27), (180, 194)),
    "kangaroo": ((181, 201),),
    "phoenix": ((0, 21),),
    "pong": ((0, 24),),
    "pooyan": ((0, 14), (203, 218)),
    "qbert": ((0, 15), (15, 31, 28, 58)),
    "riverraid": ((164, 176), (188, 201)),
    "robotank": ((0, 34), (174, 188)),
    "seaquest": ((0, 32),),
    "space_invaders": ((0, 23),),
    "tennis": ((0, 16),),
    "up_n_down": ((0, 27), (194, 208)),
    "video_pinball": ((0, 16),),
}
"""The areas of the counters of a game, in pixels of its screen, 160 wide and 210 to 220 high."""


def mask(screen: ImageArray, game: str) -> ImageArray:
    """Return a screen, uint8 ``[H, 160, 3]``, with black in place of the counters of its game."""
    masked = screen.copy()
    for top, bottom, *columns in COUNTERS[game]:
        masked[top:bottom, slice(*columns) if columns else slice(None)] = 0
    return masked


def shrink(screen: ImageArray, size: int) -> ImageArray:
    """Resize a screen, uint8 ``[H, W, 3]``, to a square, uint8 ``[size, size, 3]``, antialiased."""
    picture = Image.fromarray(screen).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(picture, dtype=np.uint8)
