"""Trains without the cockpit."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from esper.checkpoints import train_recorded
from esper.cli.console.progress import ConsoleProgress
from esper.cli.errors import INTERRUPTED
from esper.errors import ConfigError
from esper.history.recording import Recording, open_recording, resume_recording
from esper.history.resuming import ResumePoint
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl


def train_headless(
    config: TrainingConfig,
    runs_dir: Path,
    *,
    groups: Sequence[GroupSpec] = (),
    report: Callable[[Path], None] | None = None,
    resume: ResumePoint | None = None,
    sinks: Sequence[str] = (),
    to_stderr: bool = False,
) -> int:
    """Train, show progress on stdout, and at the end print the run directory on a line of its own.

    The first Ctrl-C asks the run to end in an orderly way, and the second breaks it off. What was recorded stays.

    groups: the groups of a run with several. config is what they have in common.
    report: prints what came out of the recorded run, given its directory, before that is printed.
    resume: the point from which an earlier run goes on, in its own directory.
    sinks: names of registered sinks that receive every event too.
    to_stderr: leave stdout to the report.

    Returns:
        The exit code: 0, or 130 after Ctrl-C.

    Raises:
        ConfigError: the configuration asks for something that is not there. TelemetryWriteError: the record of the
            run could not be written.
    """
    console = Console(stderr=to_stderr)
    path, interrupted = _record(config, runs_dir, groups, console, resume, sinks)
    if report is not None:
        report(path)
    print(path, file=console.file)
    return INTERRUPTED if interrupted else 0


def _record(
    config: TrainingConfig,
    runs_dir: Path,
    groups: Sequence[GroupSpec],
    console: Console,
    resume: ResumePoint | None,
    sinks: Sequence[str],
) -> tuple[Path, bool]:
    """The run's directory, and whether the run was interrupted."""
    control = RunControl()
    with (
        ExitStack() as after_closing,
        stop_on_interrupt(control),
        _recording(config, runs_dir, groups, resume, sinks) as recording,
    ):
        recording.hub.add_sink(ConsoleProgress(config, console))
        try:
            train_recorded(groups or [GroupSpec(config=config)], recording, control, resume)
        except KeyboardInterrupt:
            print("esper: broken off", file=sys.stderr)
        except ConfigError:
            never_began = recording.hub.last_seq <= 1  # its only event, if any, reports this very end
            if resume is None and never_began:
                after_closing.callback(shutil.rmtree, recording.directory.path)
            raise
    for failure in recording.hub.failures:
        print(f"esper: {failure.sink} stopped after event {failure.seq}: {failure.reason}", file=sys.stderr)
    return recording.directory.path, control.stop_requested


def _recording(
    config: TrainingConfig,
    runs_dir: Path,
    groups: Sequence[GroupSpec],
    resume: ResumePoint | None,
    sinks: Sequence[str],
) -> AbstractContextManager[Recording]:
    """A new recording, or that of the run that goes on."""
    return (
        open_recording(config, runs_dir, groups=groups, sinks=sinks)
        if resume is None
        else resume_recording(resume, sinks=sinks)
    )


@contextmanager
def stop_on_interrupt(control: RunControl) -> Generator[None]:
    """While the block runs, the first Ctrl-C requests a stop, and any further one raises KeyboardInterrupt."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if control.stop_requested:
            raise KeyboardInterrupt
        control.request_stop()
        # print() is not safe inside a signal handler, which may interrupt another print.
        os.write(sys.stderr.fileno(), b"esper: stopping after this epoch; Ctrl-C again breaks off\n")

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
