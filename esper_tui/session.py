"""The two ways into the cockpit, train and replay. A run is looked after even when its screen is gone."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TextIO

from textual.app import AutopilotCallbackType

from esper.history import read_events
from esper.history.recording import Recording, open_recording, resume_recording
from esper.history.resuming import ResumePoint
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp, Leaving
from esper_tui.settings import load_settings, settings_path
from esper_tui.sources.live import Job, LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import CockpitSnapshot

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
    sinks: Sequence[str] = (),
) -> int:
    """Train a run in a worker thread of the cockpit and show it. The result is the process's exit code.

    groups: of a run with several; config is then what they have in common.
    resume: from where an earlier run goes on, in its own directory.
    sinks: names of registered sinks that receive every event too.
    report: called with the run's directory once the screen is gone and the run has ended without failing; prints to the
        console.

    Raises:
        HistoryError: the run directory cannot be made.
    """
    settings = load_settings(settings_path())
    control = RunControl()
    with ExitStack() as stack:
        start = (
            open_recording(config, runs_dir, groups=groups, sinks=sinks)
            if resume is None
            else resume_recording(resume, sinks=sinks)
        )
        recording = stack.enter_context(start)
        origin, failure_path = str(recording.directory.path), recording.directory.path / FAILURE_FILE
        source = LiveSource(control=control, origin=origin, clock=time.monotonic)
        job = training_job(groups or [GroupSpec(config=config)], recording, stack, failure_path, resume)
        app = CockpitApp(source, job=job, failure_log=str(failure_path), settings=settings)
        run_live(app, source, out=sys.stdout)
    if report is not None and source.failure is None:
        report(recording.directory.path)
    return max(report_end(source, failure_path, out=sys.stdout, errors=sys.stderr), app.return_code or 0)


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

        with stack.pop_all():
            recording.hub.add_sink(source)
            train_recorded(groups, recording, source.control, resume)

    return saving_failure(job, failure_path)


def saving_failure(job: Job, path: Path) -> Job:
    """The job, changed so that it leaves its traceback in a file if it raises."""

    def saving(source: LiveSource) -> None:
        try:
            job(source)
        except BaseException:
            path.write_text(traceback.format_exc(), encoding="utf-8")
            raise

    return saving


def run_live(app: CockpitApp, source: LiveSource, *, out: TextIO, pilot: AutopilotCallbackType | None = None) -> None:
    """Show the run until the user leaves, and then wait for its end, with a line per round on the console.

    The loop of the app is closed only after that, because closing it waits silently for its worker threads. A screen
    that crashes leaves the run alive, too, and Textual prints why it crashed.

    pilot: drives the app without a terminal.
    """
    with asyncio.Runner() as runner:
        try:
            runner.run(app.run_async(headless=pilot is not None, auto_pilot=pilot))
        finally:
            if app.has_started_job and not source.is_over:
                reason = "you left the screen" if app.return_value is Leaving.DETACHED else "the screen is gone"
                print(f"{reason}: training goes on. Ctrl-C stops the run.", file=out, flush=True)
                wait_for_end(source, out)


def wait_for_end(source: LiveSource, out: TextIO) -> None:
    """Block until the trainer's thread is done. The first Ctrl-C asks it to stop, and the second one raises."""
    printed = 0
    while True:
        try:
            over = source.finished.wait(0.5)
            printed = print_rounds(source.latest(), printed, out)
            if over:
                return
        except KeyboardInterrupt:
            if source.control.stop_requested:
                raise
            source.control.request_stop()
            print("stopping: the trainer finishes its host epoch", file=out, flush=True)


def print_rounds(snapshot: CockpitSnapshot, printed: int, out: TextIO) -> int:
    """Print one line per finished round and group after the first `printed` lines, and return their new number."""
    total = snapshot.run.max_batches if snapshot.run else 0
    finished = [(stats, group.group_id) for group in snapshot.groups for stats in group.rounds]
    finished.sort(key=lambda line: line[0].batch)
    for stats, group_id in finished[printed:]:
        text = f"{group_id}  " if len(snapshot.groups) > 1 else ""
        text += f"round {stats.batch}/{total}  accuracy {stats.avg_accuracy:.1f}  "
        text += f"return {format_number(stats.avg_return, 2, signed=True)}  "
        text += f"entropy {format_number(stats.entropy, 3)}  "
        text += f"{format_number(snapshot.progress.rate_now, 1)} env-epochs/s"
        print(text, file=out, flush=True)
    return len(finished)


def report_end(source: LiveSource, failure_path: Path, *, out: TextIO, errors: TextIO) -> int:
    """Say how the run ended, with the run directory on a last line of its own, and return the exit code."""
    if source.failure is not None:
        tail = source.failure.rstrip().splitlines()[-FAILURE_LINES:]
        print("training failed:", *tail, f"the whole traceback is in {failure_path}", sep="\n", file=errors)
    print(source.origin, file=out, flush=True)
    return 1 if source.failure is not None else 0


def replay(path: Path) -> int:
    """Show a saved run, given its directory or its events.jsonl. The result is the process's exit code.

    Raises:
        HistoryError: there is no run at path, or its file is damaged.
        ConfigError: the user's settings of the cockpit are not valid.
    """
    settings = load_settings(settings_path())
    source = ReplaySource(read_events(path), origin=str(path), clock=time.monotonic)
    app = CockpitApp(source, settings=settings)
    app.run()
    print(path)
    return app.return_code or 0
