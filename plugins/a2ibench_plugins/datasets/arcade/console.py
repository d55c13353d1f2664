"""The console: a game that has just been switched on, and what its loudspeaker makes of it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from a2ibench.media.audio import resample
from a2ibench.types import FloatArray

FRAME_RATE = 60
"""Screens per second."""
FRAME_SAMPLES = 512
"""Samples of sound per screen."""
CONSOLE_RATE = FRAME_RATE * FRAME_SAMPLES
"""Sample rate of the emulated sound, in hertz."""


def switch_on(game: str) -> Any:
    """Return a console that has just been switched on.

    To reset a running one would be quicker, but its sound generators keep their phase.
    """
    import ale_py
    import ale_py.roms

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    console = ale_py.ALEInterface()
    console.setInt("random_seed", 1)
    console.setInt("frame_skip", 1)
    console.setFloat("repeat_action_probability", 0.0)
    console.setBool("sound_obs", True)
    rom = ale_py.roms.get_rom_path(game)
    assert rom is not None, game
    console.loadROM(rom)
    return console


def listen(samples: npt.NDArray[np.uint8], sample_rate: int) -> FloatArray:
    """Convert the console's sound to that of a loudspeaker.

    The chip outputs levels from 128 up, and games rest at different levels: like the coupling
    capacitor of a real set, a high-pass filter (20 Hz, first order) turns a constant into silence.

    Args:
        samples: uint8 ``[T]``, at ``CONSOLE_RATE``.
        sample_rate: of the result, in hertz.

    Returns:
        float32 ``[T · sample_rate / CONSOLE_RATE]`` in [−1, 1].
    """
    level = (samples.astype(np.float64) - 128) / 128
    b, a = scipy.signal.butter(1, 20, "highpass", fs=CONSOLE_RATE)
    blocked, _ = scipy.signal.lfilter(b, a, level, zi=scipy.signal.lfilter_zi(b, a) * level[0])
    heard = resample(blocked.astype(np.float32), CONSOLE_RATE, sample_rate)
    return np.clip(heard, -1, 1, dtype=np.float32)
