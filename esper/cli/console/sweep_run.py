"""Plays a sweep with its progress on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from esper.cli.console.bars import countdown
from esper.cli.console.formatting import percent
from esper.cli.console.sweep_table import settings_of, short
from esper.cli.streams import say
from esper.console import PlainConsole
from esper.process.signals import stop_on_signals
from esper.sweep.records import SweepOrder, TrialReport, TrialState
from esper.sweep.sweep import Sweep
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl
from esper.workers import Workers, WorkStoppedError


def play(sweep: Sweep, order: SweepOrder, config: TrainingConfig, *, jobs: int, plugins: Sequence[str]) -> int:
    """Play the missing trials, and return the exit code: 0, or 130 after Ctrl-C."""
    if sweep.again:
        say(f"{sweep.again} interrupted {'trial is' if sweep.again == 1 else 'trials are'} played again")
    control = RunControl()
    progress = SweepProgress(order, sweep.before, config, PlainConsole(stderr=True))
    with stop_on_signals(control) as signals, ExitStack() as leaving:
        leaving.callback(progress.stop)
        workers = leaving.enter_context(Workers(jobs, control, plugins=plugins))
        try:
            sweep.run(workers, on_trial=progress.trial_done, on_steps=progress.advance)
        except WorkStoppedError:
            progress.stop()
            say(f"esper: stopped. Go on with it: esper sweep --resume {order.folder}")
            return signals.exit_code
    say(f"trials and results: {order.folder}")
    return 0


class SweepProgress:
    """Shows how far a sweep is: a bar on a terminal, and one line per trial everywhere."""

    def __init__(self, order: SweepOrder, before: int, config: TrainingConfig, console: Console) -> None:
        """before: the number of trials that were there at the start."""
        self._console = console
        self._order = order
        self._done = before
        self._per_trial = order.seeds * config.run.rounds * config.fleet.envs * config.fleet.episode_length
        self._steps = before * self._per_trial
        self._progress = countdown(console)
        self._task = self._progress.add_task(
            f"{before}/{order.trials} trials", total=order.trials * self._per_trial, completed=self._steps
        )
        self._progress.start()

    def advance(self, steps: int) -> None:
        """Move the bar on by this many host epochs."""
        self._steps += steps
        self._progress.update(self._task, completed=self._steps)

    def trial_done(self, report: TrialReport) -> None:
        """Print a trial. One that was pruned leaves host epochs out, so the bar may jump."""
        self._done += 1
        self._steps = max(self._steps, self._done * self._per_trial)
        self._progress.update(
            self._task, completed=self._steps, description=f"{self._done}/{self._order.trials} trials"
        )
        chosen = " ".join(f"{key}={short(value)}" for key, value in settings_of(report).items())
        result = report.reason if report.state is TrialState.FAILED else f"accuracy {percent(report.value)} %"
        state = "" if report.state is TrialState.FINISHED else f" {report.state.value}:"
        self._console.print(
            f"trial {report.number} ({self._done}/{self._order.trials}) {chosen} {state} {result}".replace("  ", " "),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
