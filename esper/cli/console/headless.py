"""Trains without the cockpit."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from esper.checkpoints import train_recorded
from esper.cli.console.kernels import tell_about_kernels
from esper.cli.console.progress import ConsoleProgress
from esper.cli.streams import say
from esper.console import PlainConsole
from esper.contracts.processors import busy_now
from esper.contracts.text import printable
from esper.errors import ConfigError
from esper.history.recording import Recording, open_recording, resume_recording
from esper.history.resuming import ResumePoint
from esper.process.alert_command import AlertCommand
from esper.process.console_log import ConsoleLog
from esper.process.detach import report_ready
from esper.process.garbage import rare_full_collections
from esper.process.signals import OnHangup, StopSignals, stop_on_signals
from esper.telemetry.events import RunEnd
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.run_control import RunControl

STOPPED: Final = 128 + signal.SIGINT
"""The exit code of a run that was asked to end in another way than by a signal, so that no script takes it for done."""


def train_headless(
    config: TrainingConfig,
    runs_dir: Path,
    *,
    groups: Sequence[GroupSpec] = (),
    report: Callable[[Path], None] | None = None,
    resume: ResumePoint | None = None,
    to_stderr: bool = False,
    on_hangup: OnHangup = "stop",
    on_alert: str | None = None,
    ranks: Ranks = SINGLE,
) -> int:
    """Train, show progress on stdout, and at the end print the run directory on a line of its own.

    The first Ctrl-C or SIGTERM asks the run to end in an orderly way, and the second leaves at once. What was recorded
    stays.

    groups: the groups of a run with several. config is what they have in common.
    report: prints what came out of the recorded run, given its directory, before that is printed.
    resume: the point from which an earlier run goes on, in its own directory.
    to_stderr: leave stdout to the report.
    on_hangup: whether the run stops, or goes on into its console.log, when its terminal goes away.
    on_alert: the command to run for every alert.
    ranks: the processes of the run, of which this one is the first.

    Returns:
        The exit code: 0, 128 and the number of the signal that stopped the run, or STOPPED.

    Raises:
        ConfigError: the configuration asks for something that is not there. TelemetryWriteError: the record of the
            run could not be written.
    """
    console = PlainConsole(stderr=to_stderr)
    control = RunControl()
    with stop_on_signals(control, on_hangup=on_hangup, patient=ranks.size > 1) as signals:
        path, end = _record(config, runs_dir, groups, console, resume, signals, on_alert, ranks)
        if report is not None:
            report(path)
    say(str(path), sys.stderr if to_stderr else sys.stdout)
    return exit_code_of(end, signals)


def exit_code_of(end: RunEnd, signals: StopSignals) -> int:
    """What a process ends with whose run came to this end. Another rank may have got the signal that stopped it."""
    if end is not RunEnd.STOPPED:
        return signals.exit_code
    name = signals.control.stop_signal
    return STOPPED if name is None else 128 + signal.Signals[name]


def _record(
    config: TrainingConfig,
    runs_dir: Path,
    groups: Sequence[GroupSpec],
    console: Console,
    resume: ResumePoint | None,
    signals: StopSignals,
    on_alert: str | None,
    ranks: Ranks,
) -> tuple[Path, RunEnd]:
    """Train into a recording; returns the run's directory and how the run ended."""
    with ExitStack() as after_closing, _recording(config, runs_dir, groups, resume) as recording:
        _listen(signals, recording.directory.path)
        note = busy_now()
        if note is not None and console.is_terminal:  # A script has no use for it.
            say(f"esper: {note}")
        tell_about_kernels(config)
        recording.hub.add_sink(ConsoleProgress(config, console))
        alerts = AlertCommand(on_alert, recording.directory.path)
        recording.hub.add_sink(alerts)
        try:
            with rare_full_collections():
                result = train_recorded(
                    groups or [GroupSpec(config=config)], recording, signals.control, resume, note=_note, ranks=ranks
                )
        except ConfigError:
            if resume is None and recording.hub.last_seq == 0:  # no event was written: leave nothing behind
                after_closing.callback(shutil.rmtree, recording.directory.path)
            raise
    for failure in recording.hub.failures:
        say(f"esper: {failure.sink} stopped after event {failure.seq}: {printable(failure.reason)}")
    if alerts.summary is not None:
        say(f"esper: {printable(alerts.summary)}")
    return recording.directory.path, result.end


def _note(text: str) -> None:
    say(f"esper: {text}")


def _listen(signals: StopSignals, run: Path) -> None:
    """Let what is printed go to the run's console log once the terminal is gone; in the background, from now on."""
    report_ready(run)
    log = ConsoleLog(run)
    signals.leave_terminal = log.replace_terminal
    if signals.hung_up:
        log.replace_terminal()


def _recording(
    config: TrainingConfig,
    runs_dir: Path,
    groups: Sequence[GroupSpec],
    resume: ResumePoint | None,
) -> AbstractContextManager[Recording]:
    """A new recording, or that of the run that goes on."""
    return open_recording(config, runs_dir, groups=groups) if resume is None else resume_recording(resume)
