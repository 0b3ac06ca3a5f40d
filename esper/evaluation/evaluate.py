"""Several controllers, several seeds and one budget: all runs are played, and then compared pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from esper.contracts.constants import AGENT_NAME
from esper.evaluation.cost import CostMeter
from esper.evaluation.matching import SizedHost, nearest_host
from esper.evaluation.plan import Contender, EvaluationPlan
from esper.evaluation.players import Assignment, Played, Player, assign
from esper.evaluation.records import Against, ControllerResult, Difference, Episode, Estimate, MatchedHost
from esper.evaluation.runs import EvaluationRun
from esper.evaluation.statistics import estimate, paired_difference, spread
from esper.growth.hosts.config import HostConfig
from esper.training.episode.conditions import draw_conditions

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDone:
    """A run of the evaluation has finished.

    number: the number of the run, from 1.
    total: the number of runs, as far as it is known by then.
    """

    number: int
    total: int
    label: str
    seed: int
    test_accuracy: float
    seconds: float


class Evaluation:
    """Plays the runs of a plan into folder/<controller>/, and compares them.

    player: plays the runs.
    on_run: is called after every finished run.
    """

    def __init__(
        self, plan: EvaluationPlan, folder: Path, *, player: Player, on_run: Callable[[RunDone], None]
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._player = player
        self._on_run = on_run
        self._meter = CostMeter(plan.base, plan.data)
        self._done = 0
        self.total = len(plan.contenders) * len(plan.seeds)

    def run(self) -> tuple[ControllerResult, ...]:
        """One result per contender, in order.

        Raises:
            EvaluationStoppedError: the player was asked to stop.
            ConfigError, HistoryError, TelemetryWriteError, WorkerError: as the player.
        """
        contenders = self._plan.contenders
        played = self._play({one.name: assign(self._plan, one, one.name, self._folder) for one in contenders})
        sizes = {name: self._matching_size(runs) for name, runs in played.items()}
        own = self._plan.base.host
        as_large = {own: played[self._plan.static.name]}
        as_large |= self._play(
            {
                size.host: assign(
                    self._plan, self._plan.static, f"{self._plan.static.name}-{size.value}", self._folder, size.host
                )
                for size in sizes.values()
                if size is not None and size.host != own
            }
        )
        return tuple(self._result(contender, played, sizes[contender.name], as_large) for contender in contenders)

    def _play(self, wanted: Mapping[Key, Sequence[Assignment]]) -> dict[Key, list[EvaluationRun]]:
        """Play sets of assignments, all of which may be played at once."""
        every = [assignment for assignments in wanted.values() for assignment in assignments]
        self.total = self._done + len(every)
        runs = iter(self._player.play(every, self._tell))
        return {key: list(islice(runs, len(assignments))) for key, assignments in wanted.items()}

    def _tell(self, assignment: Assignment, played: Played) -> None:
        self._done += 1
        self._on_run(
            RunDone(
                number=self._done,
                total=self.total,
                label=assignment.label,
                seed=assignment.config.run.seed,
                test_accuracy=_test_accuracy([played.run]).mean,
                seconds=played.seconds,
            )
        )

    def _matching_size(self, runs: Sequence[EvaluationRun]) -> SizedHost | None:
        """The static host nearest to the mean size of what these runs grew."""
        parameters = [self._meter.cost(episode.network).parameters for episode in _episodes(runs)]
        return nearest_host(self._plan.base.host, spread(parameters).mean, self._meter)

    def _result(
        self,
        contender: Contender,
        played: Mapping[str, Sequence[EvaluationRun]],
        size: SizedHost | None,
        as_large: Mapping[HostConfig, Sequence[EvaluationRun]],
    ) -> ControllerResult:
        runs = played[contender.name]
        episodes = _episodes(runs)
        host = self._meter.cost(())
        costs = [self._meter.cost(episode.network) for episode in episodes]
        matched = None if size is None else as_large[size.host]
        return ControllerResult(
            controller=contender.name,
            preset=self._plan.base.run.preset,
            decisions=self._plan.base.controller.decisions if contender.name == AGENT_NAME else None,
            seeds=self._plan.seeds,
            episodes=len(episodes),
            epochs=self._plan.base.fleet.episode_length,
            test_accuracy=_test_accuracy(runs),
            worth=estimate(self._worths(runs)) if self._is_priced else None,
            accuracy=spread([episode.accuracy for episode in episodes]),
            reward=spread([episode.reward for episode in episodes]),
            host_parameters=host.parameters,
            parameters=spread([cost.parameters for cost in costs]),
            parameters_added=spread([cost.parameters - host.parameters for cost in costs]),
            host_flops=host.flops,
            flops=spread([cost.flops for cost in costs]),
            germinated=spread([episode.germinated for episode in episodes]),
            fossilized=spread([episode.fossilized for episode in episodes]),
            wasted=spread([episode.wasted for episode in episodes]),
            rollbacks=sum(episode.rolled_back for episode in episodes),
            against_static=_difference(runs, played[self._plan.static.name]),
            against=tuple(
                Against(
                    controller=name,
                    difference=_difference(runs, others),
                    worth=paired_difference(self._worths(runs), self._worths(others)) if self._is_priced else None,
                )
                for name, others in played.items()
                if name != contender.name
            ),
            matched=None if size is None or matched is None else self._matched(size, matched),
            against_matched=None if matched is None else _difference(runs, matched),
            runs=tuple(str(run.path) for run in runs),
        )

    @property
    def _is_priced(self) -> bool:
        return bool(self._plan.base.variety.size_price)

    def _worths(self, runs: Sequence[EvaluationRun]) -> list[list[float]]:
        """The worth of each seed's episodes."""
        return [[episode.test_accuracy - self._price(episode) for episode in run.episodes] for run in runs]

    def _price(self, episode: Episode) -> float:
        """What the tested network's size cost its host, in points."""
        conditions = draw_conditions(self._plan.base.variety, episode.seed, episode.env_id)
        added = self._meter.cost(episode.network).parameters - self._meter.cost(()).parameters
        return 0.0 if conditions is None else conditions.cost(added)

    def _matched(self, size: SizedHost, runs: Sequence[EvaluationRun]) -> MatchedHost:
        return MatchedHost(
            setting=size.setting,
            value=size.value,
            parameters=size.parameters,
            flops=self._meter.cost((), size.host).flops,
            test_accuracy=_test_accuracy(runs),
            runs=tuple(str(run.path) for run in runs),
        )


def _episodes(runs: Sequence[EvaluationRun]) -> list[Episode]:
    return [episode for run in runs for episode in run.episodes]


def _by_seed(runs: Sequence[EvaluationRun]) -> list[list[float]]:
    """The test accuracies of each seed's episodes."""
    return [[episode.test_accuracy for episode in run.episodes] for run in runs]


def _test_accuracy(runs: Sequence[EvaluationRun]) -> Estimate:
    return estimate(_by_seed(runs))


def _difference(ours: Sequence[EvaluationRun], theirs: Sequence[EvaluationRun]) -> Difference:
    """The difference between two sets of runs, whose episodes are paired by seed and env."""
    pairs = [(one, other) for one, other in zip(_episodes(ours), _episodes(theirs), strict=True)]
    assert all((one.seed, one.env_id) == (other.seed, other.env_id) for one, other in pairs)
    return paired_difference(_by_seed(ours), _by_seed(theirs))
