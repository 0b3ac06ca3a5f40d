"""Plays an evaluation with its progress on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from esper.cli.console.bars import countdown
from esper.cli.console.formatting import percent
from esper.cli.streams import say
from esper.console import PlainConsole
from esper.evaluation.evaluate import Evaluation, RunDone
from esper.evaluation.export import new_folder, write_results
from esper.evaluation.plan import EvaluationPlan
from esper.evaluation.players import OneByOne, Player, SideBySide
from esper.evaluation.records import ControllerResult
from esper.evaluation.runs import EvaluationStoppedError
from esper.process.signals import stop_on_signals
from esper.telemetry.events import EpochCompleted, Event
from esper.training.run_control import RunControl
from esper.workers import Workers


def play(
    plan: EvaluationPlan, runs_dir: Path, *, jobs: int = 1, plugins: Sequence[str] = ()
) -> tuple[tuple[ControllerResult, ...], int]:
    """The results and the exit code, or no results and 130 after Ctrl-C.

    All runs go into a new directory of their own, which also receives results.jsonl. Its name is printed on stderr.

    jobs: the number of processes that play.
    plugins: the modules that these processes must import.
    """
    folder = new_folder(runs_dir, plan.base.run.preset)
    control, progress = RunControl(), EvaluationProgress(plan, PlainConsole(stderr=True))
    with stop_on_signals(control) as signals, ExitStack() as leaving:
        leaving.callback(progress.stop)
        player: Player = OneByOne(control, (progress,))
        if jobs > 1:
            workers = leaving.enter_context(Workers(jobs, control, plugins=plugins))
            player = SideBySide(workers, progress.advance)
        try:
            results = Evaluation(plan, folder, player=player, on_run=progress.run_done).run()
        except EvaluationStoppedError:
            progress.stop()
            say(f"esper: stopped: what was recorded until now is in {folder}")
            return (), signals.exit_code
    write_results(results, folder)
    say(f"runs and results: {folder}")
    return results, 0


class EvaluationProgress:
    """A sink that shows how far the evaluation is: a bar on a terminal, and one line per run everywhere."""

    name = "progress"
    critical = False

    def __init__(self, plan: EvaluationPlan, console: Console) -> None:
        self._console = console
        self._epochs = 0
        self._steps_per_run = plan.base.fleet.envs * plan.base.fleet.episode_length
        self._progress = countdown(console)
        total = len(plan.contenders) * len(plan.seeds) * self._steps_per_run
        self._task = self._progress.add_task("first runs", total=total)
        self._progress.start()

    def accept(self, event: Event) -> None:
        """Count host epochs."""
        if isinstance(event.payload, EpochCompleted):
            self.advance(1)

    def advance(self, epochs: int) -> None:
        """Move the bar on by this many host epochs."""
        self._epochs += epochs
        self._progress.update(self._task, completed=self._epochs)

    def close(self) -> None:
        """Do nothing at the end of a run, because the bar stays for the next one."""

    def run_done(self, done: RunDone) -> None:
        """Print a finished run, and correct the bar, because static hosts of equal size become known late."""
        self._console.print(
            f"run {done.number}/{done.total}  {done.label} seed {done.seed}  "
            f"test {percent(done.test_accuracy)} %  {done.seconds:.1f} s",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        self._epochs = max(self._epochs, done.number * self._steps_per_run)
        self._progress.update(
            self._task,
            description=f"{done.number}/{done.total} runs",
            completed=self._epochs,
            total=done.total * self._steps_per_run,
        )

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
