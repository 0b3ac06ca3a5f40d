"""Pieces of work in several processes, which end together with the process that started them.

Only the process that was started by the user listens to signals. It tells the others to stop, and they end after their
host epoch. If it is gone, whatever ended it, they leave at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.queues import Queue
from queue import Empty
from types import TracebackType
from typing import Final, TypeVar

from esper.errors import USER_MISTAKE, ConfigError, EsperError
from esper.plugins import blame, load_plugins
from esper.training.run_control import RunControl

Task = TypeVar("Task")
Result = TypeVar("Result")

_LOOK_SECONDS: Final = 0.1
"""How often the starting process looks at what the others have done and whether it was asked to stop."""


class WorkStoppedError(Exception):
    """Somebody asked the work to stop."""


class WorkerError(EsperError, RuntimeError):
    """A process that worked for this one failed, or is gone."""


@dataclass(slots=True, kw_only=True)
class Workplace:
    """What a piece of work finds in its process.

    control: a stop is requested here when the starting process is asked to stop.
    advance: tells the starting process that so many steps are done, to show progress.
    """

    control: RunControl = field(default_factory=RunControl)
    advance: Callable[[int], None] = lambda _steps: None


Work = Callable[[Task, Workplace], Result]
"""A function of a module, which every process can import. It raises WorkStoppedError if control stopped it."""


class Workers:
    """Some processes that share pieces of work. Use it as a context manager; leaving the block ends them.

    Every process is started afresh and imports the plug-ins itself, so parts that only this process registered are
    unknown there.
    """

    def __init__(self, jobs: int, control: RunControl, *, plugins: Sequence[str] = ()) -> None:
        """jobs: the number of processes, which start with their first work.
        control: what this process was asked to do.
        plugins: the modules to import before any work.
        """
        context = multiprocessing.get_context("spawn")
        self._control = control
        self._plugins = tuple(plugins)
        # The others read its end when this one closes it, or dies. (An Event would wait for waiters that were killed.)
        self._stop_here, self._stop_there = context.Pipe(duplex=False)
        self._steps: Queue[int] = context.Queue()
        self._pool = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_begin, initargs=(self._stop_here, self._steps)
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop_there.close()
        self._pool.shutdown(cancel_futures=True)
        self._stop_here.close()
        self._steps.close()

    def run(
        self,
        work: Work[Task, Result],
        tasks: Sequence[Task],
        *,
        on_done: Callable[[int, Result], None],
        on_steps: Callable[[int], None],
    ) -> list[Result]:
        """The results of all tasks, in their order.

        on_done: is called with the place of a task and its result when it is done, in this thread.
        on_steps: is called with the number of steps that were done since the last call.

        Raises:
            WorkStoppedError: control asked for it.
            EsperError: a piece of work failed with such an error, or its process died. The others were stopped.
        """
        try:
            places = {self._pool.submit(_do, work, task, self._plugins): place for place, task in enumerate(tasks)}
            return self._gather(places, on_done, on_steps)
        except BrokenProcessPool as error:
            if self._control.stop_requested:
                raise WorkStoppedError from error
            raise WorkerError(
                "a process that was working has died: it was killed, or the machine has too little memory for so "
                "many processes; use fewer --jobs"
            ) from error

    def _gather(
        self,
        places: dict[Future[Result], int],
        on_done: Callable[[int, Result], None],
        on_steps: Callable[[int], None],
    ) -> list[Result]:
        results: dict[int, Result] = {}
        pending = set(places)
        while pending:
            done, pending = wait(pending, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            on_steps(self._new_steps())
            for future in done:
                results[places[future]] = future.result()
                on_done(places[future], results[places[future]])
            if self._control.stop_requested:
                self._stop_all(pending)
                raise WorkStoppedError
        return [results[place] for place in sorted(results)]

    def _stop_all(self, pending: set[Future[Result]]) -> None:
        """Let nothing begin any more, and wait until what has begun is closed in order."""
        self._stop_there.close()
        for future in pending:
            future.cancel()
        wait(pending)

    def _new_steps(self) -> int:
        steps = 0
        while True:
            try:
                steps += self._steps.get_nowait()
            except Empty:
                return steps


_workplace = Workplace()
"""That of this process, if it works for another one."""


def _begin(stop: connection.Connection, steps: Queue[int]) -> None:
    """Set up a process before its first work.

    Ctrl-C in a terminal reaches every process of it. It is for the starting process, which then says stop.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    steps.cancel_join_thread()  # Nobody may be left to read what this process still had to tell.
    _workplace.advance = steps.put
    threading.Thread(target=_obey, args=(stop,), daemon=True).start()
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _obey(stop: connection.Connection) -> None:
    connection.wait([stop])
    _workplace.control.request_stop()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this runs in a process that another one started"
    connection.wait([parent.sentinel])
    os._exit(1)


def _do(work: Work[Task, Result], task: Task, plugins: tuple[str, ...]) -> Result:
    """One piece of work. An error for the user travels as its text, because not every error can be rebuilt."""
    try:
        load_plugins(plugins)
        return work(task, _workplace)
    except EsperError as error:
        kind = ConfigError if error.exit_code == USER_MISTAKE else WorkerError
        raise kind(str(error)) from None
    except WorkStoppedError:
        raise
    except Exception as error:
        blamed = blame(error)
        if blamed is None:
            raise
        raise WorkerError(blamed) from None
