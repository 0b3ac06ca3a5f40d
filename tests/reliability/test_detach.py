"""A run in the background, and a run without the cockpit whose terminal goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from terminals import terminal

from esper.history import read_events
from esper.telemetry.events import RunEnd, TrainingEnded

SMALL = ("train", "--envs=2", "--episode-length=3", "--threads=1", "--runs-dir=runs")


def esper(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esper", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 150.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end_of(run: Path) -> RunEnd | None:
    last = read_events(run)[-1].payload
    return last.end if isinstance(last, TrainingEnded) else None


def test_a_detached_run_is_recorded_and_can_be_stopped(tmp_path: Path) -> None:
    started = esper(tmp_path, *SMALL, "--rounds=5000", "--detach")
    assert started.returncode == 0, started.stderr
    run = tmp_path / started.stdout.strip()
    pid = int(started.stderr.split("process ")[1].split()[0])
    assert os.getsid(pid) == pid, "a session of its own is out of the terminal's reach"
    name = started.stdout.strip()
    assert started.stderr.splitlines()[1:] == [
        f"esper: follow it with  esper watch {name}",
        f"esper: stop it with    esper stop {name}  (it saves its last complete round)",
    ]
    log = run / "console.log"
    wait_for(lambda: "round    2/5000" in log.read_text())
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: end_of(run) is not None)
    assert end_of(run) is RunEnd.STOPPED
    wait_for(lambda: log.read_text().splitlines()[-1] == started.stdout.strip())


def test_a_mistake_is_reported_before_the_run_goes_to_the_background(tmp_path: Path) -> None:
    done = esper(tmp_path, *SMALL, "--detach", "--set", "nothing=1")
    assert done.returncode == 2
    assert done.stderr.startswith("esper: error: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_without_the_cockpit_a_run_goes_on_into_its_console_log(tmp_path: Path) -> None:
    with terminal(tmp_path, *SMALL, "--rounds=12", "--no-tui", "--on-hangup=continue") as shown:
        shown.wait_for(lambda: b"round  2/12" in shown.screen)
        shown.close()
        assert shown.wait() == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert end_of(run) is RunEnd.FINISHED
    assert "round 12/12" in (run / "console.log").read_text()


def test_without_the_cockpit_a_run_stops_in_order_when_its_terminal_goes_away(tmp_path: Path) -> None:
    with terminal(tmp_path, *SMALL, "--rounds=5000", "--no-tui") as shown:
        shown.wait_for(lambda: b"round    2/5000" in shown.screen)
        shown.close()
        assert shown.wait() == 128 + signal.SIGHUP
    (run,) = (tmp_path / "runs").iterdir()
    assert end_of(run) is RunEnd.STOPPED
    assert (run / "checkpoints" / "latest").is_file()
