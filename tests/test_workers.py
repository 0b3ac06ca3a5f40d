"""Several processes: results in order, one error, and nobody left when the starting process stops or is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import worker_tasks

from esper.errors import ConfigError, EsperError
from esper.training.run_control import RunControl
from esper.workers import WorkerError, Workers, WorkStoppedError


def _nothing(*_: object) -> None: ...


def test_results_come_in_the_order_of_the_tasks_and_steps_are_told() -> None:
    steps: list[int] = []
    told: list[tuple[int, int]] = []
    with Workers(2, RunControl()) as workers:
        results = workers.run(
            worker_tasks.double,
            [3, 1, 2],
            on_done=lambda place, result: told.append((place, result)),
            on_steps=steps.append,
        )
        assert results == [6, 2, 4]
        assert workers.run(worker_tasks.double, [5], on_done=_nothing, on_steps=steps.append) == [10]
    assert sorted(told) == [(0, 6), (1, 2), (2, 4)]


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [("user", ConfigError, "a.b is no text"), ("file", ConfigError, "disk is full"), ("dead", WorkerError, "has died")],
)
def test_what_fails_in_a_process_is_told_here(kind: str, error: type[EsperError], said: str) -> None:
    with Workers(1, RunControl()) as workers, pytest.raises(error, match=said):
        workers.run(worker_tasks.fail, [kind], on_done=_nothing, on_steps=_nothing)


def test_a_plug_in_that_is_not_there_is_told_here() -> None:
    with Workers(1, RunControl(), plugins=["no_such_module"]) as workers, pytest.raises(ConfigError, match="not found"):
        workers.run(worker_tasks.double, [1], on_done=_nothing, on_steps=_nothing)


def test_a_stop_reaches_every_process_and_begins_nothing_new(tmp_path: Path) -> None:
    control = RunControl()

    def stop_when_both_work(_: int) -> None:
        if len(list(tmp_path.iterdir())) == 2:
            control.request_stop()

    with Workers(2, control) as workers, pytest.raises(WorkStoppedError):
        workers.run(worker_tasks.last_until_stopped, [tmp_path] * 5, on_done=_nothing, on_steps=stop_when_both_work)
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert len(pids) == 2
    assert not any(map(_alive, pids))


def test_nobody_works_on_for_a_process_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, worker_tasks\n"
        "from esper.workers import Workers\n"
        "from esper.training.run_control import RunControl\n"
        "if __name__ == '__main__':\n"
        "    with Workers(2, RunControl()) as workers:\n"
        "        folder = pathlib.Path(sys.argv[1])\n"
        "        workers.run(worker_tasks.last_until_stopped, [folder] * 2, on_done=print, on_steps=lambda _: None)\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    started = tmp_path / "started"
    started.mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parent.parent)])
    process = subprocess.Popen(
        [sys.executable, str(script), str(started)], env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL
    )
    _wait_for(lambda: len(list(started.iterdir())) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    pids = [int(path.name) for path in started.iterdir()]
    _wait_for(lambda: not any(map(_alive, pids)))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
