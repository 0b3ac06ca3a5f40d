"""Plays an evaluation with its progress on stderr."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from esper.cli.console.formatting import percent
from esper.cli.streams import say
from esper.console import PlainConsole
from esper.evaluation.evaluate import Evaluation, RunDone
from esper.evaluation.export import new_folder, write_results
from esper.evaluation.plan import EvaluationPlan
from esper.evaluation.records import ControllerResult
from esper.evaluation.runs import EvaluationStoppedError
from esper.process.signals import stop_on_signals
from esper.telemetry.events import EpochCompleted, Event
from esper.training.run_control import RunControl


def play(plan: EvaluationPlan, runs_dir: Path) -> tuple[tuple[ControllerResult, ...], int]:
    """The results and the exit code, or no results and 130 after Ctrl-C.

    All runs go into a new directory of their own, which also receives results.jsonl. Its name is printed on stderr.
    """
    folder = new_folder(runs_dir, plan.base.run.preset)
    control, progress = RunControl(), EvaluationProgress(plan, PlainConsole(stderr=True))
    evaluation = Evaluation(plan, folder, control=control, on_run=progress.run_done, sinks=(progress,))
    with stop_on_signals(control) as signals:
        try:
            results = evaluation.run()
        except EvaluationStoppedError:
            say(f"esper: stopped: what was recorded until now is in {folder}")
            return (), signals.exit_code
        finally:
            progress.stop()
    write_results(results, folder)
    say(f"runs and results: {folder}")
    return results, 0


class EvaluationProgress:
    """A sink that shows how far the evaluation is: a bar on a terminal, and one line per run everywhere."""

    name = "progress"
    critical = False

    def __init__(self, plan: EvaluationPlan, console: Console) -> None:
        self._console = console
        self._steps_per_run = plan.base.fleet.envs * plan.base.fleet.episode_length
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        total = len(plan.contenders) * len(plan.seeds) * self._steps_per_run
        self._task = self._progress.add_task("first run", total=total)
        self._progress.start()

    def accept(self, event: Event) -> None:
        """Count host epochs."""
        if isinstance(event.payload, EpochCompleted):
            self._progress.update(self._task, advance=1)

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
        self._progress.update(
            self._task,
            description=f"run {done.number + 1}/{done.total}",
            completed=done.number * self._steps_per_run,
            total=done.total * self._steps_per_run,
        )

    def stop(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()
