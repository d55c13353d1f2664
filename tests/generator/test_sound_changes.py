"""Changes of a sound: what each does to the samples."""

import numpy as np
import pytest

from a2ibench.errors import UserError
from a2ibench.generator.sound_changes import Change, add_noise


def test_noise_has_the_power_asked_for_and_is_the_same_at_every_level() -> None:
    sound = np.sin(np.arange(5_000) / 7).astype(np.float32)
    weak, strong = (add_noise(sound, snr, seed=3) - sound for snr in (20.0, 0.0))
    assert 10 * np.log10(np.mean(sound**2) / np.mean(weak**2)) == pytest.approx(20, abs=1e-3)
    assert strong == pytest.approx(10 * weak, abs=1e-5)
    assert not np.allclose(add_noise(sound, 0, seed=4) - sound, strong)


@pytest.mark.parametrize(
    ("kind", "levels", "expected"),
    [("volume", (0.5, 1, 2), [1, 0, 1]), ("noise", (30, 0), [-30, 0]), ("mix", (0, 1), [0, 1])],
)
def test_strength_is_how_far_a_level_is_from_the_unchanged_sound(
    kind: object, levels: tuple[float, ...], expected: list[float]
) -> None:
    assert Change(kind, levels).strength.tolist() == expected  # type: ignore[arg-type]


def test_a_share_above_1_is_refused() -> None:
    with pytest.raises(UserError, match=r"--mix 1.5: expected levels in \[0, 1\]"):
        Change("mix", (0, 1.5))
