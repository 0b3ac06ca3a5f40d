"""The two ways into the cockpit, train and replay. A run is looked after even when its screen is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from textual.app import AutopilotCallbackType

from esper.contracts.processors import busy_now
from esper.contracts.text import printable
from esper.history.recorded_events import RecordedEvents
from esper.history.recording import Recording, open_recording, resume_recording
from esper.history.resuming import ResumePoint
from esper.process.alert_command import AlertCommand
from esper.process.console_log import ConsoleLog, let_handlers_follow
from esper.process.garbage import rare_full_collections
from esper.process.signals import OnHangup, StopSignals, stop_on_signals
from esper.telemetry.events import RunEnd
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.driver import restorer
from esper_tui.leaving import Leaving
from esper_tui.pacing import DrawingBudget
from esper_tui.settings import load_settings, settings_path
from esper_tui.sources.live import Job, LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.ascii import can_write

FAILURE_FILE: Final = "failure.txt"
FAILURE_LINES: Final = 12
"""How many of the last lines of a traceback the console shows."""


def train(
    config: TrainingConfig,
    runs_dir: Path,
    *,
    groups: Sequence[GroupSpec] = (),
    report: Callable[[Path], None] | None = None,
    resume: ResumePoint | None = None,
    on_hangup: OnHangup = "continue",
    read_only: bool = False,
    on_alert: str | None = None,
) -> int:
    """Train a run in a worker thread of the cockpit and show it.

    groups: the groups of a run with several; config is then what they have in common.
    report: called with the run's directory once the screen is gone and the run has ended without failing; prints to
        the console.
    resume: the point from which an earlier run goes on, in its own directory.
    on_hangup: whether the run goes on without the screen, or stops, when the terminal is gone.
    read_only: leave out every key that changes the run.
    on_alert: the command to run for every alert.

    Returns:
        The process's exit code: 0, 1 if the run failed, 130 if it was stopped, or 128 and the number of the signal that
        stopped it.

    Raises:
        HistoryError: the run directory cannot be made.
    """
    settings = load_settings(settings_path())
    control = RunControl()
    with ExitStack() as stack:
        start = open_recording(config, runs_dir, groups=groups) if resume is None else resume_recording(resume)
        recording = stack.enter_context(start)
        origin, failure_path = str(recording.directory.path), recording.directory.path / FAILURE_FILE
        log = ConsoleLog(recording.directory.path)
        alerts = AlertCommand(on_alert, recording.directory.path)
        recording.hub.add_sink(alerts)
        let_handlers_follow()
        source = LiveSource(control=control, origin=origin, clock=time.monotonic)
        job = training_job(groups or [GroupSpec(config=config)], recording, stack, failure_path, resume)
        with stop_on_signals(control, on_hangup=on_hangup) as signals:
            app = CockpitApp(
                source,
                job=job,
                failure_log=str(failure_path),
                signals=signals,
                log=log,
                settings=settings,
                read_only=read_only,
                notes_in=recording.directory.path,
                budget=DrawingBudget(),
                notice=busy_now(),
            )
            run_live(app, source, signals, log, out=sys.stdout)
            if report is not None and source.failure is None:
                report(recording.directory.path)
            if alerts.summary is not None:
                print(f"esper: {printable(alerts.summary)}", file=sys.stderr)
            code = report_end(source, failure_path, out=sys.stdout, errors=sys.stderr)
    return code or app.return_code or signals.exit_code or _stop_code(source)


def _stop_code(source: LiveSource) -> int:
    """130 for a run that the user ended before its last round, 0 for any other."""
    ended = source.latest().ended
    return 128 + signal.SIGINT if ended is not None and ended.end is RunEnd.STOPPED else 0


def training_job(
    groups: Sequence[GroupSpec],
    recording: Recording,
    stack: ExitStack,
    failure_path: Path,
    resume: ResumePoint | None = None,
) -> Job:
    """The work of the trainer's thread: train, close the recording, and save the traceback of a failure."""

    def job(source: LiveSource) -> None:
        from esper.checkpoints import train_recorded  # This imports torch.

        with stack.pop_all(), rare_full_collections():
            recording.hub.add_sink(source)
            train_recorded(groups, recording, source.control, resume, note=partial(print, file=sys.stderr))

    return saving_failure(job, failure_path)


def saving_failure(job: Job, path: Path) -> Job:
    """The job, changed so that it leaves its traceback in a file if it raises, wherever a file can be written."""

    def saving(source: LiveSource) -> None:
        try:
            job(source)
        except BaseException:
            with suppress(OSError):  # The failure itself matters more than its file.
                path.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            raise

    return saving


def run_live(
    app: CockpitApp,
    source: LiveSource,
    signals: StopSignals,
    log: ConsoleLog,
    *,
    out: TextIO,
    pilot: AutopilotCallbackType | None = None,
) -> None:
    """Show the run until the user leaves, and then wait for its end, with a line per round on the console.

    The loop of the app is closed only after that, because closing it waits silently for its worker threads. A screen
    that crashes leaves the run alive, too, and Textual prints why it crashed. Once the terminal is gone, what would
    have been on the console goes to the run's console log.

    pilot: drives the app without a terminal.
    """
    with asyncio.Runner() as runner:
        try:
            signals.speaks, signals.restore_terminal = False, restorer()
            runner.run(app.run_async(headless=pilot is not None, auto_pilot=pilot))
        finally:
            signals.speaks, signals.restore_terminal = True, lambda: None
            signals.leave_terminal = log.replace_terminal
            if signals.hung_up:
                log.replace_terminal()
            if app.has_started_job and not source.is_over:
                _print(f"{_reason(app, signals)}: training goes on. Ctrl-C stops the run.", signals, out)
                wait_for_end(source, signals, out)


def _reason(app: CockpitApp, signals: StopSignals) -> str:
    if signals.hung_up:
        return "the terminal is gone"
    return "you left the screen" if app.return_value is Leaving.DETACHED else "the screen is gone"


def wait_for_end(source: LiveSource, signals: StopSignals, out: TextIO) -> None:
    """Block until the trainer's thread is done, and print its rounds. Signals stop the run meanwhile."""
    printed = 0
    over = False
    while not over:
        over = source.finished.wait(0.5)
        lines = round_lines(source.latest())
        for line in lines[printed:]:
            _print(line, signals, out)
        printed = len(lines)


def _print(line: str, signals: StopSignals, out: TextIO) -> None:
    """Print a line, on the console log if the terminal turns out to be gone."""
    try:
        print(line, file=out, flush=True)
    except OSError:
        signals.hang_up()
        with suppress(OSError):
            print(line, file=out, flush=True)


def round_lines(snapshot: CockpitSnapshot) -> list[str]:
    """One line per finished round and group, in order."""
    total = snapshot.run.max_batches if snapshot.run else 0
    finished = [(stats, group.group_id) for group in snapshot.groups for stats in group.rounds]
    finished.sort(key=lambda line: line[0].batch)
    lines: list[str] = []
    for stats, group_id in finished:
        text = f"{printable(group_id)}  " if len(snapshot.groups) > 1 else ""
        text += f"round {stats.batch}/{total}  accuracy {stats.avg_accuracy:.1f}  "
        text += f"return {format_number(stats.avg_return, 2, signed=True)}  "
        text += f"entropy {format_number(stats.entropy, 3)}  "
        text += f"{format_number(snapshot.progress.rate_now, 1)} env-epochs/s"
        lines.append(text)
    return lines


def report_end(source: LiveSource, failure_path: Path, *, out: TextIO, errors: TextIO) -> int:
    """Say how the run ended, with the run directory on a last line of its own, and return the exit code."""
    with suppress(OSError):  # The run is over and recorded, whether anybody can read this or not.
        if source.failure is not None:
            tail = map(printable, source.failure.rstrip().splitlines()[-FAILURE_LINES:])
            saved = os.path.isfile(failure_path)  # is_file() raises where the folder cannot be read
            where = f"the whole traceback is in {failure_path}" if saved else "it could not be saved"
            print("training failed:", *tail, where, sep="\n", file=errors)
        print(source.origin, file=out, flush=True)
    return 1 if source.failure is not None else 0


def replay(path: Path, *, origin: str, notes_in: Path | None) -> int:
    """Show a saved run, given its directory or its events.jsonl. The result is the process's exit code.

    origin: what the cockpit calls the run, which is printed at the end too.
    notes_in: the run's folder, in which its bookmarks are; None for a recording that has none.

    Raises:
        HistoryError: there is no run at path, or its file is damaged.
    """
    settings = load_settings(settings_path())
    recording = RecordedEvents(path)
    with closing(recording), stop_on_signals(RunControl()) as signals:
        source = ReplaySource(recording, origin=origin, clock=time.monotonic)
        signals.speaks, signals.restore_terminal = False, restorer()
        app = CockpitApp(
            source,
            signals=signals,
            settings=settings,
            ascii=not can_write(sys.stdout.encoding),
            notes_in=notes_in,
        )
        app.run()
    if app.damage is not None:
        raise app.damage
    if not signals.hung_up:
        print(origin)
    return app.return_code or signals.exit_code
