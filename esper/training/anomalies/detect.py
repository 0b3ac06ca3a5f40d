"""From measurements to alarms: pure functions over the rules of rules.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from esper.contracts.actions import Blueprint, Head, head_sizes
from esper.contracts.counterfactual import CounterfactualMatrix
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.telemetry.events import AnomalyDetected, PPOMetrics, Severity
from esper.training.anomalies.memory import MemoryReading
from esper.training.anomalies.rules import (
    ENV_RULES,
    HEAD_RULES,
    RUN_RULES,
    SEED_RULES,
    UPDATE_RULES,
    AccuracyReading,
    AnomalyRule,
    HeadReading,
    SeedEpoch,
    SeedReading,
    UpdateReading,
)
from esper.training.config import TrainingConfig

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something was read. A field is None if the place is something larger.

    batches: the number of batches that the run is to have.
    """

    batch: int
    batches: int
    epoch: int | None = None
    env_id: int | None = None
    slot_id: str | None = None
    head: str | None = None


def judge(rule: AnomalyRule[R], value: float | None) -> tuple[Severity, float] | None:
    """The worst level whose limit the value has reached, with that limit.

    None if all is well or nothing was measured.
    """
    if value is None:
        return None
    for severity, limit in ((Severity.CRITICAL, rule.critical), (Severity.WARNING, rule.warning)):
        if limit is not None and (value >= limit if rule.above else value <= limit):
            return severity, limit
    return None


def detect(rules: Iterable[AnomalyRule[R]], reading: R, place: Place) -> Iterator[AnomalyDetected]:
    """An alarm for every rule that the reading breaks, in the table's order."""
    for rule in rules:
        if not rule.speaks_in(place.batch, place.batches):
            continue
        value = rule.read(reading)
        verdict = judge(rule, value)
        if value is None or verdict is None:
            continue
        severity, limit = verdict
        yield AnomalyDetected(
            anomaly=rule.anomaly,
            rule=rule.name,
            severity=severity,
            batch=place.batch,
            value=value,
            limit=limit,
            detail=rule.meaning,
            epoch=place.epoch,
            env_id=place.env_id,
            slot_id=place.slot_id,
            head=place.head,
        )


def update_anomalies(metrics: PPOMetrics, batch: int, config: TrainingConfig) -> tuple[AnomalyDetected, ...]:
    """What is wrong with a PPO update, first as a whole and then head by head."""
    place = Place(batch=batch, batches=config.run.rounds)
    found = list(detect(UPDATE_RULES, UpdateReading(metrics=metrics, max_grad_norm=config.ppo.max_grad_norm), place))
    floors = config.policy.floors_after((batch - 1) * config.fleet.envs)
    for update, floor, choices in zip(metrics.heads, floors, _choices(config.host), strict=True):
        reading = HeadReading(update=update, floor=floor, choices=choices, gradient_norm=metrics.gradient_norm)
        found += detect(HEAD_RULES, reading, Place(batch=batch, batches=config.run.rounds, head=update.head))
    return tuple(found)


def _choices(host: HostConfig) -> tuple[int, ...]:
    """The most choices that each head can have in a run with these hosts, in head order."""
    sizes = dict(zip(Head, head_sizes(slot_config(host).num_slots), strict=True))
    sizes[Head.BLUEPRINT] = len(available_blueprints(topology_of(host)) - {Blueprint.NOOP})
    return tuple(sizes[head] for head in Head)


def seed_epoch(matrix: CounterfactualMatrix, slot: int) -> SeedEpoch | None:
    """What an epoch's ablation says about the seed of one slot; None if it was not measured."""
    contribution, total = matrix.contribution(slot), matrix.total_contribution()
    return None if contribution is None or total is None else SeedEpoch(contribution=contribution, total=total)


def seed_anomalies(reading: SeedReading, place: Place) -> tuple[AnomalyDetected, ...]:
    """Whether a seed is suspected of gaming the reward. Fossilised seeds earn like live ones, and are judged alike."""
    return tuple(detect(SEED_RULES, reading, place))


def accuracy_anomalies(
    accuracy: float, earlier: Sequence[float], *, env_id: int, batch: int, batches: int
) -> tuple[AnomalyDetected, ...]:
    """Whether an env ended far below its own rolling window."""
    reading = AccuracyReading(accuracy=accuracy, earlier=tuple(earlier))
    return tuple(detect(ENV_RULES, reading, Place(batch=batch, batches=batches, env_id=env_id)))


def memory_anomalies(memory: MemoryReading | None, batch: int, batches: int) -> tuple[AnomalyDetected, ...]:
    """Whether memory runs short. Where it cannot be measured, nothing is found."""
    return () if memory is None else tuple(detect(RUN_RULES, memory, Place(batch=batch, batches=batches)))
