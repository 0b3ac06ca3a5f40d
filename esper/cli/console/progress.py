"""Shows a headless run on the console: a progress bar on a terminal, and one line per round everywhere."""

from __future__ import annotations

from rich.console import Console

from esper.cli.console.bars import countdown
from esper.cli.console.formatting import number, percent
from esper.contracts.text import printable
from esper.telemetry.events import (
    AnomalyDetected,
    BatchEpochCompleted,
    BatchStats,
    EpochCompleted,
    Event,
    GovernorRollback,
    SinkDetached,
    Throughput,
    TrainingStarted,
)
from esper.training.config import TrainingConfig


class ConsoleProgress:
    """A sink that prints to stdout. Scripts that read a pipe get the lines without the bar."""

    name = "console"
    critical = False

    def __init__(self, config: TrainingConfig | None, console: Console) -> None:
        """Wait for the first event.

        config: the settings of the run, if they are known; the first event says what matters of them again.
        """
        self._rounds = 0 if config is None else config.run.rounds
        self._epochs = 0 if config is None else config.fleet.episode_length
        self._steps_per_round = 0 if config is None else config.fleet.envs * config.fleet.episode_length
        self._console = console
        self._stats: list[tuple[str, BatchStats]] = []
        self._progress = countdown(console)
        first = "waiting for the first event" if config is None else f"loading {config.task.name}"
        self._task = self._progress.add_task(first, total=self._rounds * self._steps_per_round or None)
        self._progress.start()

    def accept(self, event: Event) -> None:
        """Show what the event reports.

        Raises:
            OSError: stdout is gone.
        """
        match event.payload:
            case TrainingStarted() as started:
                self._start(started)
            case EpochCompleted() as epoch:
                self._progress.update(
                    self._task,
                    advance=1,
                    description=f"round {epoch.batch}/{self._rounds} epoch {epoch.epoch}/{self._epochs}",
                )
            case GovernorRollback() as rollback:
                self._print(f"rolled back env {rollback.env_id} at epoch {rollback.epoch}: {rollback.reason}")
            case SinkDetached() as detached:
                self._print(printable(f"warning: sink {detached.sink} stopped, training goes on: {detached.reason}"))
            case AnomalyDetected() as anomaly:
                self._print(anomaly_line(anomaly))
            case BatchEpochCompleted() as barrier:
                self._progress.update(self._task, completed=barrier.batch * self._steps_per_round)
                self._print_round(None)  # The original recorded no speeds, so that the figures still wait.
            case BatchStats() as stats:
                self._stats.append((event.group_id, stats))
            case Throughput() as speed:
                self._print_round(speed)
            case _:
                pass

    def close(self) -> None:
        """Take the bar off the screen."""
        self._progress.stop()

    def _print_round(self, speed: Throughput | None) -> None:
        """Print one line per policy group, with its name if there are several."""
        width = max((len(group_id) for group_id, _ in self._stats), default=0)
        for group_id, stats in self._stats:
            name = f"{group_id:{width}}  " if len(self._stats) > 1 else ""
            self._print(name + round_line(stats, speed, self._rounds))
        self._stats.clear()

    def _start(self, started: TrainingStarted) -> None:
        self._rounds, self._epochs = started.max_batches, started.max_epochs
        self._steps_per_round = started.n_envs * started.max_epochs
        self._progress.update(self._task, total=self._rounds * self._steps_per_round)
        self._print(
            f"{started.task}: {started.n_envs} hosts of {started.host_params:,} parameters, "
            f"{started.max_batches} rounds of {started.max_epochs} epochs, seed {started.seed}, {started.device}"
        )

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def round_line(stats: BatchStats, speed: Throughput | None, rounds: int) -> str:
    """One round, in one line."""
    rate = None if speed is None else speed.env_epochs_per_second
    return (
        f"round {stats.batch:>{len(str(rounds))}}/{rounds}  accuracy {percent(stats.avg_accuracy):>5} %  "
        f"test {percent(stats.avg_test_accuracy):>5} %  reward {number(stats.avg_return):>7}  "
        f"entropy {number(stats.entropy)}  {number(rate, 1)} env-epochs/s"
    )


def anomaly_line(alarm: AnomalyDetected) -> str:
    """An alarm, in one line: where it was raised, by which rule, and what it means."""
    env = None if alarm.env_id is None else f"env {alarm.env_id}"
    epoch = None if alarm.epoch is None else f"epoch {alarm.epoch}"
    place = ", ".join(part for part in (f"round {alarm.batch}", epoch, env, alarm.slot_id, alarm.head) if part)
    figures = "" if alarm.value is None or alarm.limit is None else f" {alarm.value:.4g}, limit {alarm.limit:.4g}"
    return f"{alarm.severity.value} ({place}): {alarm.rule}{figures}: {alarm.detail}"
