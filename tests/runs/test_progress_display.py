"""Progress in lines: how much is done, and how long the rest takes."""

import io

import pytest
from rich.console import Console

from a2ibench.runs import progress_display as module
from a2ibench.runs.progress_display import Display


@pytest.mark.parametrize(
    ("begun", "first", "later", "line"),
    [(0, 10, 40, "part: 40/100, 2:00 left"), (80, 81, 90, "part: 90/100, 1:07 left")],
)
def test_the_time_left_comes_from_what_this_run_has_done(begun, first, later, line, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    written = io.StringIO()
    show = Display(Console(file=written)).counter("part")
    for done in (begun, first, later):
        show(done, 100)
        now += 60
    assert written.getvalue().splitlines() == [f"part: {begun}/100", f"part: {first}/100", line]


def test_no_time_left_is_told_before_it_can_be_known(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    written = io.StringIO()
    show = Display(Console(file=written)).counter("preparing arcade")
    show(0, 3300)
    now += 6  # the emulator starts, then a whole episode is there at once
    for done in range(1, 46):
        show(done, 3300)
    now += 6
    show(46, 3300)
    assert written.getvalue().splitlines() == [
        "preparing arcade: 0/3300",
        "preparing arcade: 1/3300",
        "preparing arcade: 46/3300, 7:14 left",
    ]


def test_bars_tell_the_same_time_left_as_lines(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    display = Display(Console(file=io.StringIO(), force_terminal=True))
    with display.running():
        show = display.counter("part")
        told = []
        for done in (0, 10, 40, 100):
            show(done, 100)
            told.append(display._bars.tasks[0].fields["left"])
            now += 60
    assert told == ["", "", "2:00 left", ""]


def test_the_first_lines_come_soon_and_the_others_every_half_minute(monkeypatch):
    now = start = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    written = io.StringIO()
    show = Display(Console(file=written)).counter("part")
    for second in range(151):
        now = start + second
        show(second, 1000)
    shown = [int(line.split()[1].partition("/")[0]) for line in written.getvalue().splitlines()]
    assert shown == [0, 5, 10, 20, 40, 70, 100, 130]


def test_of_two_parts_with_one_name_each_has_its_own_time(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    written = io.StringIO()
    display = Display(Console(file=written))
    for seconds in (600, 60):
        show = display.counter("ours, seed 0")
        show(0, 100)
        now += seconds
        show(100, 100)
    ended = written.getvalue().splitlines()[1::2]
    assert ended == ["ours, seed 0: 100/100 after 10:00", "ours, seed 0: 100/100 after 1:00"]


def test_what_begins_again_from_further_back_has_no_negative_time_left(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    written = io.StringIO()
    show = Display(Console(file=written)).counter("part")
    for done in (50, 20, 30, 40):
        show(done, 100)
        now += 60
    assert written.getvalue().splitlines() == [
        "part: 50/100",
        "part: 20/100",
        "part: 30/100",
        "part: 40/100, 6:00 left",
    ]
