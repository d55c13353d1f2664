"""The latent state that a synthetic sound and its picture are both made from."""

from dataclasses import dataclass

CLASSES = (
    "baseball",
    "soccer",
    "dam",
    "dog",
    "drum",
    "guitar",
    "piano",
    "plane",
    "speedboat",
)


@dataclass(frozen=True)
class Scene:
    """One moment of one source clip; every factor lies in [0, 1]."""

    rate: float
    pitch: float
    level: float
    hue: float
    shade: float
    camera: float
    noise: float

    @property
    def events_per_second(self) -> float:
        """Events per second, 1 to 4."""
        return 1 + 3 * self.rate

    @property
    def count(self) -> int:
        """Number of things in the picture, 1 to 4, like the events per second."""
        return 1 + min(3, int(4 * self.rate))

    def tone(self, low: float, high: float) -> float:
        """A frequency in hertz, from ``low`` to ``high``, even in octaves over ``pitch``."""
        return low * (high / low) ** self.pitch
