"""Calls in other processes: in order, flat in memory, within limits; a death costs one answer."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import misbehaving
import pytest

from a2ibench.child_process import Child, Crashed
from a2ibench.parallel import Processes, in_order


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()


def test_answers_come_in_the_order_of_the_arguments() -> None:
    assert list(Processes(2).in_order(pow, [(i, 2) for i in range(20)])) == [
        i * i for i in range(20)
    ]


def test_nothing_to_do_is_no_answer() -> None:
    assert list(in_order(pow, [])) == []


def test_processes_that_die_cost_their_own_answers() -> None:
    answers = list(Processes(2).in_order(misbehaving.exit_if_odd, [(i,) for i in range(6)]))
    assert answers[::2] == [0, 2, 4]
    assert all(isinstance(answer, Crashed) for answer in answers[1::2])
    assert [str(answer) for answer in answers[1::2]] == [
        f"ended its process with exit code {i}" for i in (1, 3, 5)
    ]


def test_an_error_reaches_the_caller() -> None:
    answers = Processes(1).in_order(divmod, [(1, 1), (1, 0)])
    assert next(answers) == (1, 0)
    with pytest.raises(ZeroDivisionError):
        next(answers)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide themselves")
def test_memory_that_a_call_frees_is_there_for_the_next(child: Child) -> None:
    first, *later = (child(misbehaving.page_faults) for _ in range(3))
    assert max(later) < first / 10


def test_who_stops_taking_answers_waits_for_none(tmp_path: Path) -> None:
    paths = [(tmp_path / name,) for name in "abc"]
    answers = Processes(2).in_order(misbehaving.tell_and_wait, paths)
    (tmp_path / "a.end").touch()
    assert next(answers) == "ended"
    _until(lambda: all(path.exists() and path.read_text() for (path,) in paths))
    answers.close()  # type: ignore[attr-defined]  # nobody ends the other two calls
    for (path,) in paths[1:]:
        _wait_for_the_end_of(int(path.read_text()))


def test_one_process_answers_several_calls(child: Child) -> None:
    first = child(misbehaving.process)
    assert first != os.getpid()
    assert child(misbehaving.process) == first


@pytest.mark.parametrize(
    ("function", "arguments", "limits", "expected"),
    [
        (misbehaving.die, (signal.SIGSEGV,), {}, r"died of SIGSEGV \(Segmentation fault\)"),
        (misbehaving.die, (signal.SIGKILL,), {}, r"died of SIGKILL \(Killed\)"),
        (misbehaving.die, (signal.SIGRTMIN + 6,), {}, r"died of signal 40 \("),
        (misbehaving.sleep, (60,), {"seconds": 1}, "took longer than 1 s"),
        (misbehaving.allocate, (2**31,), {"memory": 2**30}, "needed more than 1 GiB of memory"),
        (misbehaving.leave, (), {}, "ended its process with exit code 0"),
    ],
)
def test_a_crash_is_named_and_the_next_call_works(
    child: Child,
    function: Callable[..., object],
    arguments: tuple[object, ...],
    limits: dict[str, int],
    expected: str,
) -> None:
    with pytest.raises(Crashed, match=expected):
        child(function, *arguments, **limits)
    assert child(misbehaving.allocate, 2**20, memory=2**30, seconds=60) == 2**20


def test_a_death_between_two_calls_costs_none(child: Child) -> None:
    number = child(misbehaving.process)
    os.kill(number, signal.SIGKILL)
    # Dead with all of its threads: the first of them is a zombie before the others have ended.
    os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    assert child(pow, 2, 3) == 8


def test_an_interrupted_call_leaves_no_answer_behind(child: Child) -> None:
    child(misbehaving.process)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            child(misbehaving.sleep, 2)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert child(pow, 2, 3) == 8


def test_what_libraries_print_is_not_shown(child: Child, capfd: pytest.CaptureFixture[str]) -> None:
    child(misbehaving.chatter)
    assert capfd.readouterr() == ("", "")


def test_an_error_that_cannot_be_pickled_is_told(child: Child) -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: nope"):
        child(misbehaving.fail)


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; import misbehaving; from pathlib import Path;"
        " from a2ibench.child_process import Child;"
        f" Child()(misbehaving.tell_and_sleep, Path({str(tmp_path / 'pid')!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        _until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text() != "")
        parent.kill()
    _wait_for_the_end_of(int((tmp_path / "pid").read_text()))


def _wait_for_the_end_of(pid: int) -> None:
    _until(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.05)


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "print('ran')\nfrom a2ibench.child_process import Child\nprint(Child()(pow, 2, 3))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "ran\n8\n"
    assert done.stderr == ""
