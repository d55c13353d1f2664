"""One process per trial, as many at once as this machine has room for."""

import multiprocessing
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType

from a2ibench.child_process import begin, signal_name
from a2ibench.contracts.executor import Update
from a2ibench.errors import StoppedError
from a2ibench.results.job_state import is_done
from a2ibench.runs.executors import now_and_then
from a2ibench.runs.resources import (
    GPUExecutor,
    refuse_workers,
    sharers,
    this_machine,
    visible_gpus,
)
from a2ibench.runs.trial import Trial

LOG = "worker.log"
"""File in a job's folder with the output of its process."""
LAST_WORDS = 10_000
LATE = "torch._inductor.config"
"""Module that ``torch.use_deterministic_algorithms`` imports when it is called."""
Context = SpawnContext | ForkServerContext
PATIENCE = 10.0
"""Seconds that a process gets to end when it is asked to."""


class Processes(GPUExecutor):
    """One process per trial on this machine, using only the standard library."""

    name = "process"

    def room(self, trials: Sequence[Trial]) -> int:
        """See :meth:`a2ibench.contracts.executor.Executor.room`."""
        refuse_workers(trials)
        return self.find_room(trials, [this_machine()])[1]

    def __call__(self, trials: Sequence[Trial], tell: Callable[[Update[Trial]], None]) -> None:
        """See :class:`a2ibench.contracts.executor.Executor`."""
        refuse_workers(trials)
        need, at_once = self.find_room(trials, [this_machine()], self.say)
        waiting, places = deque(trials), deque(_places(need.gpus, at_once))
        context = _context(trials, need.gpus)
        running: dict[int, _Process] = {}
        listening: dict[Connection, Trial] = {}
        deaths: Counter[str] = Counter()
        try:
            while waiting or running:
                while waiting and places:
                    one = _Process(context, waiting.popleft(), places.popleft())
                    running[one.process.sentinel] = one
                    listening[one.news] = one.trial
                    tell(Update(one.trial))
                for ready in wait([*listening, *running]):
                    if isinstance(ready, Connection):
                        if ready in listening and not _pass_on(ready, listening[ready], tell):
                            del listening[ready]
                    elif isinstance(ready, int):
                        one = running.pop(ready)
                        # All that it sent before its end, however much has piled up meanwhile.
                        while one.news in listening and one.news.poll():
                            if not _pass_on(one.news, one.trial, tell):
                                del listening[one.news]
                        places.append(one.gpu)
                        key = one.trial.job.key
                        if one.died() and deaths[key] < one.trial.retries:
                            deaths[key] += 1
                            waiting.appendleft(one.trial)
                        else:
                            tell(Update(one.trial, ended=True))
        finally:
            _stop([one.process for one in running.values()])


def _pass_on(news: Connection, trial: Trial, tell: Callable[[Update[Trial]], None]) -> bool:
    """Pass on the next news of a trial; return whether there may be more.

    Raises:
        StoppedError: the trial says that the study cannot go on.
    """
    try:
        said = news.recv()
    except EOFError:
        return False
    if isinstance(said, str):
        raise StoppedError(said)
    tell(Update(trial, *said))
    return True


def _context(trials: Sequence[Trial], gpus: float) -> Context:
    """Make the context of the processes.

    Each trial is a copy of a process that has only imported what trials need, as the imports take
    seconds. CUDA and macOS need fresh processes.
    """
    if gpus or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # A user's file is not a module of that name; what cannot be imported is skipped.
    modules = sorted({plugin.__module__ for trial in trials for plugin in trial.plugins})
    context.set_forkserver_preload([Trial.__module__, LATE, *modules])
    try:
        forkserver.ensure_running()
    except OSError:  # a path too long for a socket, no room for temporary files
        return multiprocessing.get_context("spawn")
    return context


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the main module from a process that starts in the block.

    It would import a script of the user's, and without a main guard run it a second time.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Process:
    """A trial and the process that runs it."""

    def __init__(self, context: Context, trial: Trial, gpu: str | None) -> None:
        self.trial = trial
        self.gpu = gpu
        self.news, sending = context.Pipe(duplex=False)
        given = (trial, gpu, dict(os.environ), sending)
        self.process: BaseProcess = context.Process(target=_do, args=given)
        with _no_main_module():
            self.process.start()
        sending.close()

    def died(self) -> bool:
        """Return whether the process was ended from outside; if so, its folder says why."""
        self.process.join()
        code = self.process.exitcode
        if code == 0 or all(map(is_done, self.trial.tasks)):
            return False
        log = self.trial.folder / LOG
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        self.trial.fail(f"the worker died: {_describe(code)}", text[-LAST_WORDS:])
        return True


def _describe(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal_name(-code)
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


def _places(gpus: float, at_once: int) -> Sequence[str | None]:
    """Return the GPU of each trial that runs at once; None for a trial without one."""
    return (visible_gpus() * sharers(gpus))[:at_once] if gpus else [None] * at_once


def _stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _do(trial: Trial, gpu: str | None, environment: Mapping[str, str], news: Connection) -> None:
    """Run a trial in a process of its own."""
    begin()
    # The present environment of the parent; a copied process has an older one.
    os.environ.clear()
    os.environ.update(environment)
    # Before anything asks CUDA for its devices.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu or ""
    _redirect(trial)
    try:
        trial(now_and_then(lambda step, steps: news.send((step, steps))))
    except StoppedError as error:
        news.send(str(error))


def _redirect(trial: Trial) -> None:
    """Redirect output to a file: the terminal shows bars, and the file explains a crash."""
    import faulthandler

    trial.folder.mkdir(parents=True, exist_ok=True)
    with (trial.folder / LOG).open("w", encoding="utf-8") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    faulthandler.enable()
