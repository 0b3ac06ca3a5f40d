"""Who plays the runs of an evaluation: this process, one after the other, or several processes at once.

Both give the same runs, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from esper.contracts.constants import AGENT_NAME
from esper.evaluation.plan import Contender, EvaluationPlan
from esper.evaluation.runs import EvaluationRun, EvaluationStoppedError, run_once
from esper.fleet.threads import use_threads
from esper.growth.hosts.config import HostConfig
from esper.telemetry.events import EpochCompleted, Event
from esper.telemetry.hub import Sink
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import ControllerFactory, find_controller
from esper.training.episode.world_maker import WorldMaker
from esper.training.run_control import RunControl
from esper.workers import Workers, Workplace, WorkStoppedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One run to play.

    label: the name of its folder.
    trained: makes the controller ppo from a checkpoint; None for a controller that config names.
    """

    label: str
    config: TrainingConfig
    folder: Path
    trained: ControllerFactory | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run that was played, and how long that took."""

    run: EvaluationRun
    seconds: float


OnPlayed = Callable[[Assignment, Played], None]


class Player(Protocol):
    """Plays runs, and returns them in the order of the assignments.

    Raises EvaluationStoppedError if it was asked to stop.
    """

    def play(self, assignments: Sequence[Assignment], on_played: OnPlayed) -> list[EvaluationRun]: ...


def assign(
    plan: EvaluationPlan, contender: Contender, label: str, folder: Path, host: HostConfig | None = None
) -> list[Assignment]:
    """The runs of a contender, one per seed.

    host: the host on which it plays, in place of the plan's.
    """
    trained = contender.factory if contender.name == AGENT_NAME else None
    return [
        Assignment(label=label, config=plan.config(contender, seed, host), folder=folder / label, trained=trained)
        for seed in plan.seeds
    ]


class OneByOne:
    """Plays in this process.

    sinks: receive the events of every run, to show progress.
    """

    def __init__(self, control: RunControl, sinks: Sequence[Sink] = ()) -> None:
        self._control = control
        self._sinks = sinks

    def play(self, assignments: Sequence[Assignment], on_played: OnPlayed) -> list[EvaluationRun]:
        runs: list[EvaluationRun] = []
        for assignment in assignments:
            played = play_run(assignment, self._control, self._sinks)
            runs.append(played.run)
            on_played(assignment, played)
        return runs


class SideBySide:
    """Plays in several processes.

    on_epochs: is called with the number of host epochs that were played since the last call.
    """

    def __init__(self, workers: Workers, on_epochs: Callable[[int], None] = lambda _epochs: None) -> None:
        self._workers = workers
        self._on_epochs = on_epochs

    def play(self, assignments: Sequence[Assignment], on_played: OnPlayed) -> list[EvaluationRun]:
        for config in {assignment.config.host: assignment.config for assignment in assignments}.values():
            settle_algorithm(config)
        try:
            played = self._workers.run(
                _play_elsewhere,
                assignments,
                on_done=lambda place, result: on_played(assignments[place], result),
                on_steps=self._on_epochs,
            )
        except WorkStoppedError:
            raise EvaluationStoppedError from None
        return [one.run for one in played]


def settle_algorithm(config: TrainingConfig) -> None:
    """Let this machine remember how the hosts of a run are computed, before several processes ask at once.

    Each of them would measure it, disturbed by the others, and could come to another choice and other last digits.
    """
    use_threads(config.run.threads)
    WorldMaker(config, groups=1).make(1)


def play_run(assignment: Assignment, control: RunControl, sinks: Sequence[Sink]) -> Played:
    """Play one run in this process."""
    started = perf_counter()
    config = assignment.config
    make = assignment.trained or find_controller(config.controller.name).make
    run = run_once(config, assignment.folder, make=make, control=control, sinks=sinks)
    return Played(run=run, seconds=perf_counter() - started)


def _play_elsewhere(assignment: Assignment, workplace: Workplace) -> Played:
    """Play one run in a process of Workers."""
    try:
        return play_run(assignment, workplace.control, (StepCounter(workplace.advance),))
    except EvaluationStoppedError:
        raise WorkStoppedError from None


class StepCounter:
    """A sink that tells every host epoch."""

    name = "steps"
    critical = False

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, EpochCompleted):
            self._advance(1)

    def close(self) -> None:
        """Nothing is held back."""
