#!/usr/bin/env bash
# ale-py 0.12.1: the screen of a game is not always 210 rows high.
#
# Screens of the Atari 2600 are commonly taken to be 210 × 160 pixels, and most games' are. Those of
# carnival and pooyan are not: `getScreenRGB()` returns 214 and 220 rows. Who crops the score by rows
# counted from below, stacks screens of several games, or resizes with fixed numbers, cuts or shifts
# the picture of these games, and stacking raises only where the shapes are compared.
#
# Seen: pong (210, 160, 3), carnival (214, 160, 3), pooyan (220, 160, 3).
# Right: read the height of each game's own screen; count areas from the top, per game.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet ale-py==0.12.1 numpy==2.4.6
env/bin/python - <<'EOF'
from ale_py import ALEInterface, LoggerMode, roms

ALEInterface.setLoggerMode(LoggerMode.Error)
expected = {"pong": (210, 160, 3), "carnival": (214, 160, 3), "pooyan": (220, 160, 3)}
for game, shape in expected.items():
    ale = ALEInterface()
    ale.loadROM(roms.get_rom_path(game))
    found = ale.getScreenRGB().shape
    print(game, found)
    assert found == shape, (game, found)
EOF
