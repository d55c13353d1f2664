"""One process a task, as many at once as this machine has room for."""

import multiprocessing
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess

from a2ibench import registry
from a2ibench.errors import StoppedError
from a2ibench.parallel import begin
from a2ibench.results.job import Task
from a2ibench.results.job_state import is_done, write_failure
from a2ibench.runs.attempt import work
from a2ibench.runs.executors import Update, now_and_then
from a2ibench.study.resources import (
    Need,
    find_room,
    refuse_workers,
    sharers,
    this_machine,
    visible_gpus,
)

LOG = "worker.log"
"""In a job's folder: what its process printed."""
LAST_WORDS = 10_000
LATE = "torch._inductor.config"
"""What ``torch.use_deterministic_algorithms`` imports when it is called."""
Context = SpawnContext | ForkServerContext
PATIENCE = 10.0
"""Seconds that a process has to end when it is asked to."""


@dataclass(frozen=True)
class Processes:
    """The process executor: this machine, and nothing but the standard library.

    Attributes:
        say: tells the user that fewer trials run at once than there are processors for.
        gpus_per_trial: 0, a fraction, or 1. A fraction shares a GPU; its memory is not divided.
            None for 1 where there is a GPU, else 0.
    """

    say: Callable[[str], None]
    gpus_per_trial: float | None = None

    def room(self, tasks: Sequence[Task]) -> int:
        """See :class:`a2ibench.runs.executors.Executor`."""
        return self._find(tasks, lambda line: None)[1]

    def _find(self, tasks: Sequence[Task], say: Callable[[str], None]) -> tuple[Need, int]:
        refuse_workers(tasks)
        return find_room(tasks, self.gpus_per_trial, [this_machine()], len(tasks), say)

    def __call__(self, tasks: Sequence[Task], tell: Callable[[Update], None]) -> None:
        """See :class:`a2ibench.runs.executors.Executor`."""
        need, at_once = self._find(tasks, self.say)
        waiting, places = deque(tasks), deque(_places(need.gpus, at_once))
        context = _context(tasks, need.gpus)
        running: dict[int, _Trial] = {}
        listening: dict[Connection, Task] = {}
        deaths: Counter[str] = Counter()
        try:
            while waiting or running:
                while waiting and places:
                    trial = _Trial(context, waiting.popleft(), places.popleft())
                    running[trial.process.sentinel] = trial
                    listening[trial.news] = trial.task
                    tell(Update(trial.task))
                # News first: of a trial that has ended, the last are still to be told.
                for ready in wait([*listening, *running]):
                    if isinstance(ready, Connection):
                        try:
                            news = ready.recv()
                        except EOFError:
                            del listening[ready]
                            continue
                        if isinstance(news, str):
                            raise StoppedError(news)
                        tell(Update(listening[ready], *news))
                    elif isinstance(ready, int):
                        trial = running.pop(ready)
                        places.append(trial.gpu)
                        key = trial.task.job.key
                        if trial.died() and deaths[key] < trial.task.retries:
                            deaths[key] += 1
                            waiting.appendleft(trial.task)
                        else:
                            tell(Update(trial.task, ended=True))
        finally:
            _stop([trial.process for trial in running.values()])


def _context(tasks: Sequence[Task], gpus: float) -> Context:
    """Each trial is a copy of a process that has imported what trials need, and done nothing else:
    the imports take seconds. CUDA, and macOS, want processes that are no copies.
    """
    if gpus or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    plugins: set[type] = set()
    for task in tasks:
        plugins.add(registry.models.get(task.job.method))
        plugins.add(registry.encoders.get(task.encoder))
        plugins.update(type(registry.metrics.get(name)) for name in task.metrics)
        plugins.update(map(registry.judges.get, task.judges))
    # Of a user's file there is no module by that name; what cannot be imported is passed over.
    modules = sorted({plugin.__module__ for plugin in plugins})
    context.set_forkserver_preload([work.__module__, LATE, *modules])
    try:
        forkserver.ensure_running()
    except OSError:  # a path too long for a socket, no room for temporary files
        return multiprocessing.get_context("spawn")
    return context


class _Trial:
    """A task and the process that does it."""

    def __init__(self, context: Context, task: Task, gpu: str | None) -> None:
        self.task = task
        self.gpu = gpu
        self.news, sending = context.Pipe(duplex=False)
        given = (task, gpu, dict(os.environ), sending)
        self.process: BaseProcess = context.Process(target=_do, args=given)
        self.process.start()
        sending.close()

    def died(self) -> bool:
        """Whether the process did not end by itself; then its folder says why."""
        self.process.join()
        code = self.process.exitcode
        if code == 0 or is_done(self.task):
            return False
        log = self.task.folder / LOG
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        reason = f"the worker died: {_describe(code)}"
        write_failure(self.task.folder, reason, text[-LAST_WORDS:])
        return True


def _describe(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


def _places(gpus: float, at_once: int) -> Sequence[str | None]:
    """The GPU of each trial that runs at once; None without any."""
    return (visible_gpus() * sharers(gpus))[:at_once] if gpus else [None] * at_once


def _stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()


def _do(task: Task, gpu: str | None, environment: Mapping[str, str], news: Connection) -> None:
    """A task, in a process of its own."""
    begin()
    # The parent's of now: that of a copy is older.
    os.environ.clear()
    os.environ.update(environment)
    # Before anything asks CUDA what there is.
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu or ""
    _redirect(task)
    report = now_and_then(lambda step, steps: news.send((step, steps)))
    if (why := work(task, report)) is not None:
        news.send(why)


def _redirect(task: Task) -> None:
    """What is printed goes to a file: bars are drawn on the terminal, and it tells of a crash."""
    import faulthandler

    task.folder.mkdir(parents=True, exist_ok=True)
    with (task.folder / LOG).open("w", encoding="utf-8") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    faulthandler.enable()
