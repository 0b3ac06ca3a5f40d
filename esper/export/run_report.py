"""What came of a run, gathered in one pass over its events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from esper.telemetry.events import (
    ActionDistribution,
    AnomalyDetected,
    BatchStats,
    EpisodeOutcome,
    Event,
    GovernorRollback,
    LastAction,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    Throughput,
    TrainingEnded,
    TrainingStarted,
)


@dataclass(slots=True)
class SeedTally:
    """What became of the seeds of one blueprint.

    contributions: those measured when a seed was fossilised, in percentage points.
    """

    germinated: int = 0
    fossilized: int = 0
    pruned: int = 0
    contributions: list[float] = field(default_factory=list[float])

    @property
    def mean_contribution(self) -> float | None:
        """In percentage points; None if no fossilised seed was measured."""
        return sum(self.contributions) / len(self.contributions) if self.contributions else None


@dataclass(slots=True)
class RunReport:
    """The figures of a report.

    rounds: per policy group, its rounds in order.
    episodes: every finished episode, each with its policy group.
    chosen: how often each op was chosen.
    judged, succeeded: how often it is known whether it worked, and how often it did.
    by_operator: how often the operator decided for an env, by op.
    alerts: how often each rule fired, by rule and severity.
    blueprints: what became of the seeds, by blueprint.
    phases: milliseconds by phase, over all rounds.
    """

    started: TrainingStarted | None = None
    ended: TrainingEnded | None = None
    rounds: dict[str, list[BatchStats]] = field(default_factory=lambda: defaultdict[str, list[BatchStats]](list))
    episodes: list[tuple[str, EpisodeOutcome]] = field(default_factory=list[tuple[str, EpisodeOutcome]])
    chosen: Counter[str] = field(default_factory=Counter[str])
    judged: Counter[str] = field(default_factory=Counter[str])
    succeeded: Counter[str] = field(default_factory=Counter[str])
    by_operator: Counter[str] = field(default_factory=Counter[str])
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    rollbacks: int = 0
    blueprints: dict[str, SeedTally] = field(default_factory=lambda: defaultdict[str, SeedTally](SeedTally))
    phases: dict[str, float] = field(default_factory=lambda: defaultdict[str, float](float))

    @property
    def outcomes(self) -> Counter[str]:
        """How episodes ended."""
        return Counter(outcome.outcome.value for _, outcome in self.episodes)

    def best_hosts(self, count: int = 5) -> list[tuple[str, EpisodeOutcome]]:
        """The episodes with the highest final validation accuracy. The test accuracy does not choose among them."""
        return sorted(self.episodes, key=lambda entry: entry[1].final_accuracy, reverse=True)[:count]


def gather_report(events: Iterable[Event]) -> RunReport:
    """The report of a run."""
    report = RunReport()
    for event in events:
        _take_in(report, event)
    return report


def _take_in(report: RunReport, event: Event) -> None:
    match event.payload:
        case TrainingStarted() as started:
            report.started = report.started or started
        case TrainingEnded() as ended:
            report.ended = ended
        case BatchStats() as stats:
            report.rounds[event.group_id].append(stats)
        case EpisodeOutcome() as outcome:
            report.episodes.append((event.group_id, outcome))
        case ActionDistribution() as actions:
            for op in actions.ops:
                report.chosen[op.op] += op.chosen
                if op.succeeded is not None:
                    report.judged[op.op] += op.chosen
                    report.succeeded[op.op] += op.succeeded
        case LastAction(by_operator=True) as action:
            report.by_operator[action.op] += 1
        case AnomalyDetected() as anomaly:
            report.alerts[anomaly.rule, anomaly.severity.value] += 1
        case GovernorRollback():
            report.rollbacks += 1
        case Throughput() as speed:
            for phase in speed.phases:
                report.phases[phase.phase] += phase.milliseconds
        case SeedGerminated() | SeedFossilized() | SeedPruned() as seed:
            _count_seed(report.blueprints[seed.blueprint], seed)
        case _:
            pass


def _count_seed(tally: SeedTally, seed: SeedGerminated | SeedFossilized | SeedPruned) -> None:
    match seed:
        case SeedGerminated():
            tally.germinated += 1
        case SeedPruned():
            tally.pruned += 1
        case SeedFossilized():
            tally.fossilized += 1
            if seed.contribution is not None:
                tally.contributions.append(seed.contribution)
