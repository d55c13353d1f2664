#!/usr/bin/env bash
# ale-py 0.12.1: after `reset_game` the sound buffer still holds the end of the episode before.
#
# With `sound_obs` on, `getAudio()` gives the sound of the last frame. `reset_game` renews the picture,
# not the sound: until the first `act` the sound is that of the last frame of the previous episode, also
# in Gymnasium's `reset()`. Before the first episode it is all 0, although silence in play is 128. Who
# records a pair right after a reset pairs a new picture with an old sound.
#
# Seen: 512 zeros before the first episode; after the next reset, exactly the last chunk of the episode.
# Right: drop the sound until the first `act` of an episode.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet ale-py==0.12.1 numpy==2.4.6
env/bin/python - <<'EOF'
import numpy as np
from ale_py import ALEInterface, LoggerMode, roms

ALEInterface.setLoggerMode(LoggerMode.Error)
ale = ALEInterface()
ale.setBool("sound_obs", True)
ale.setInt("random_seed", 1)
ale.loadROM(roms.get_rom_path("pong"))
ale.reset_game()
first = ale.getAudio().copy()
print("before the first act:", len(first), "samples, values", np.unique(first))
assert len(first) == 512
assert not first.any()

rng = np.random.default_rng(0)
actions = ale.getLegalActionSet()
sound = first
for _ in range(20_000):
    ale.act(actions[rng.integers(len(actions))])
    sound = ale.getAudio().copy()
    if len(np.unique(sound)) > 1:  # a frame with a tone in it
        break
assert len(np.unique(sound)) > 1
ale.reset_game()
after = ale.getAudio().copy()
print("after reset_game: equal to the last frame of the episode before:", bool((after == sound).all()))
assert (after == sound).all()
EOF
