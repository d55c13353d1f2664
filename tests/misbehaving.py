"""Functions that misbehave, in harmless ways; in a module that other processes can import."""

import os
import signal
import sys
import time
from pathlib import Path

from a2ibench.media.sound_file import read_sound


def die(number: int = signal.SIGSEGV) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def exit_if_odd(number: int) -> int:
    if number % 2:
        os._exit(number)
    return number


def kill_parent_if_odd(number: int) -> int:
    if number % 2:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return number


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def allocate(size: int) -> int:
    return len(bytearray(size))


def chatter() -> None:
    os.write(1, b"on the output")
    os.write(2, b"on the error")


class UnpicklableError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def fail() -> None:
    raise UnpicklableError("no", "pe")


def leave() -> None:
    sys.exit(0)


def process() -> int:
    return os.getpid()


def tell_and_sleep(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(60)


def tell_and_wait(path: Path) -> str:
    """Ends when there is a file beside this one."""
    path.write_text(str(os.getpid()))
    while not path.with_suffix(".end").exists():
        time.sleep(0.02)
    return "ended"


def crash_on(path: Path) -> None:
    assert path.is_file()
    die()


def sleep_on(path: Path) -> None:
    time.sleep(60)


def allocate_on(path: Path) -> None:
    bytearray(2**30)


def crash_on_bad(path: Path) -> object:
    """Reads sounds, but for one of this name."""
    if path.stem == "bad":
        die()
    return read_sound(path)


def page_faults() -> int:
    """Fill 16 blocks of 1 MiB, free them, and return how many new pages that took."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytes([i]) * 2**20 for i in range(16)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
