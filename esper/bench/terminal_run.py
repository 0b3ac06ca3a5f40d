"""Trains a run in a process of its own, headless or in the cockpit on a real pseudo-terminal, and measures it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from esper.errors import ConfigError
from esper.history.follow import Follower
from esper.history.run_directory import EVENTS_FILE
from esper.telemetry.events import EpochCompleted, Event, RunEnd, TrainingEnded

SAMPLE_SECONDS: Final = 0.05
"""The time between two looks at the process."""

SHOWN: Final = b"round"
"""A word of the cockpit's header, by which it is known that a screen is up and takes keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A pseudo-terminal, and what is typed once the cockpit is up.

    size: columns and rows.
    """

    size: tuple[int, int]
    keys: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRun:
    """What a process did between the first host epoch of its run and the end of training.

    cpu_seconds: of all its threads.
    """

    env_epochs: int
    seconds: float
    cpu_seconds: float


@dataclass(slots=True)
class _Samples:
    """The CPU seconds of a process over time."""

    times: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])

    def add(self, pid: int) -> None:
        self.times.append(time.time())
        self.seconds.append(cpu_seconds(pid))

    def at(self, moment: float) -> float:
        """Interpolated between the two samples around a moment."""
        after = min(max(bisect_left(self.times, moment), 1), len(self.times) - 1)
        start, end = self.times[after - 1], self.times[after]
        share = min(max((moment - start) / (end - start), 0.0), 1.0)
        return self.seconds[after - 1] + share * (self.seconds[after] - self.seconds[after - 1])


def cpu_seconds(pid: int) -> float:
    """How much CPU time a process has used so far.

    Raises:
        ConfigError: the system does not tell.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError as error:
        raise ConfigError(f"the cockpit can be measured on Linux only, where /proc/PID/stat is: {error}") from error
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def train_measured(arguments: Sequence[str], terminal: Terminal | None, keep: Path | None = None) -> MeasuredRun:
    """Train with these arguments of `esper train` to the end.

    terminal: where the cockpit opens; None trains without it.
    keep: where the run's event log is copied, if it is wanted.

    Raises:
        ConfigError: the process failed, or the system does not tell its CPU time.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder, "runs")
        command = [sys.executable, "-m", "esper", "train", *arguments, "--runs-dir", str(runs)]
        environment = {**os.environ, "XDG_CONFIG_HOME": folder, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        if terminal is None:
            process = subprocess.Popen(
                [*command, "--no-tui"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            screen = None
        else:
            screen, other = pty.openpty()
            fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", terminal.size[1], terminal.size[0], 0, 0))
            process = subprocess.Popen(
                command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
            )
            os.close(other)
        try:
            return _measure(process, runs, screen, terminal, keep)
        finally:
            process.kill()
            process.wait()
            if screen is not None:
                os.close(screen)


def _measure(
    process: subprocess.Popen[bytes], runs: Path, screen: int | None, terminal: Terminal | None, keep: Path | None
) -> MeasuredRun:
    samples = _Samples()
    events: list[Event] = []
    follower: Follower | None = None
    typed = False
    while not (events and isinstance(events[-1].payload, TrainingEnded)):
        if process.poll() is not None:
            raise ConfigError(f"`esper train` ended with exit code {process.returncode} before its run did")
        samples.add(process.pid)
        written = _wait(screen)
        if terminal is not None and screen is not None and not typed and SHOWN in written:
            os.write(screen, terminal.keys)
            typed = True
        found = next(runs.glob(f"*/{EVENTS_FILE}"), None) if follower is None else None
        follower = Follower(found.parent) if found is not None and found.stat().st_size else follower
        events += follower.read().events if follower is not None else ()
    samples.add(process.pid)
    if keep is not None:
        shutil.copyfile(next(runs.glob(f"*/{EVENTS_FILE}")), keep)
    process.send_signal(signal.SIGTERM)  # A cockpit stays open when its run has ended.
    return _summary(events, samples)


def _wait(screen: int | None) -> bytes:
    """Sleep until the next look, and take what was drawn meanwhile, as a terminal does."""
    deadline = time.monotonic() + SAMPLE_SECONDS
    written = b""
    while (rest := deadline - time.monotonic()) > 0:
        if screen is None:
            time.sleep(rest)
        elif select.select([screen], [], [], rest)[0]:
            written += os.read(screen, 65536)
    return written


def _summary(events: Sequence[Event], samples: _Samples) -> MeasuredRun:
    ended = events[-1].payload
    assert isinstance(ended, TrainingEnded), "the run was followed to its end"
    if ended.end is not RunEnd.FINISHED:
        raise ConfigError(f"the run that was to be measured {ended.end}: {ended.error or 'no reason was recorded'}")
    epochs = [event.time for event in events if isinstance(event.payload, EpochCompleted)]
    start, end = epochs[0], epochs[-1]
    return MeasuredRun(env_epochs=len(epochs), seconds=end - start, cpu_seconds=samples.at(end) - samples.at(start))
