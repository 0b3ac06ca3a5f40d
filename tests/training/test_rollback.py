"""A host that is lost in the middle of a batch: it alone goes back, is penalised and ends; the others do not notice."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest

from esper.fleet import measure
from esper.fleet.measure import EnvMeasurement, EvaluationTotals, TrainTotals
from esper.history.settings import load_preset, with_overrides
from esper.telemetry.events import (
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GovernorRollback,
    LastAction,
    OutcomeType,
    Payload,
)
from esper.telemetry.hub import Hub
from esper.training.vectorized_trainer import TrainingResult, train_ppo_vectorized

P = TypeVar("P", EpochCompleted, LastAction, EpisodeOutcome)

LOST_ENV = 1
LOST_EPOCH = 4


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.payloads: list[Payload] = []

    def accept(self, event: Event) -> None:
        self.payloads.append(event.payload)

    def close(self) -> None:
        pass


def run() -> tuple[TrainingResult, list[Payload]]:
    # Only the loop algorithm computes a row the same way to the bit whatever its neighbours hold.
    overrides = ["run.rounds=1", "fleet.envs=3", "fleet.episode_length=6", "fleet.conv_algorithm=loop"]
    listener, hub = Listener(), Hub()
    hub.add_sink(listener)
    return train_ppo_vectorized(with_overrides(load_preset("digits"), overrides), hub=hub), listener.payloads


def lose(monkeypatch: pytest.MonkeyPatch, *, env: int, epoch: int) -> None:
    """Make one env's validation loss NaN from this epoch on, as a host with a NaN weight would report it."""
    honest = measure.collect
    epochs = 0

    def collect(train: TrainTotals | None, evaluation: EvaluationTotals) -> tuple[EnvMeasurement, ...]:
        nonlocal epochs
        epochs += train is not None
        measured = list(honest(train, evaluation))
        if train is not None and epochs >= epoch:
            measured[env] = replace(measured[env], val_loss=float("nan"))
        return tuple(measured)

    monkeypatch.setattr(measure, "collect", collect)


def of_env(payloads: list[Payload], kind: type[P], env: int) -> list[P]:
    return [payload for payload in payloads if isinstance(payload, kind) and payload.env_id == env]


def test_only_the_lost_env_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, clean = run()
    lose(monkeypatch, env=LOST_ENV, epoch=LOST_EPOCH)
    result, lost = run()

    (report,) = [payload for payload in lost if isinstance(payload, GovernorRollback)]
    assert (report.env_id, report.epoch, report.reason) == (LOST_ENV, LOST_EPOCH, "governor_nan")
    assert len(of_env(lost, EpochCompleted, LOST_ENV)) == LOST_EPOCH
    assert len(of_env(lost, LastAction, LOST_ENV)) == LOST_EPOCH - 1
    (outcome,) = of_env(lost, EpisodeOutcome, LOST_ENV)
    assert outcome.outcome is OutcomeType.ROLLBACK
    assert outcome.episode_length == LOST_EPOCH

    for env in (0, 2):
        assert of_env(lost, EpochCompleted, env) == of_env(clean, EpochCompleted, env)
        assert of_env(lost, EpisodeOutcome, env) == of_env(clean, EpisodeOutcome, env)
    metrics = result.summaries[0].ppo_metrics
    assert metrics is not None
    assert not metrics.skipped


def test_the_penalty_replaces_the_reward_of_the_last_executed_step(monkeypatch: pytest.MonkeyPatch) -> None:
    _, clean = run()
    lose(monkeypatch, env=LOST_ENV, epoch=LOST_EPOCH)
    result, lost = run()
    earned = [action.reward for action in of_env(clean, LastAction, LOST_ENV)][: LOST_EPOCH - 2]
    (outcome,) = of_env(lost, EpisodeOutcome, LOST_ENV)
    assert outcome.episode_reward == pytest.approx(sum(earned) - 10.0)
    assert result.summaries[0].reward_summary[LOST_ENV].total_reward == pytest.approx(outcome.episode_reward)


def test_a_whole_fleet_that_is_lost_at_once_still_ends_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    for env in range(3):
        lose(monkeypatch, env=env, epoch=1)
    result, payloads = run()
    assert sum(isinstance(payload, EpisodeOutcome) for payload in payloads) == 3
    metrics = result.summaries[0].ppo_metrics
    assert metrics is not None
    assert metrics.skipped
