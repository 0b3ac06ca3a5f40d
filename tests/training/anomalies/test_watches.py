"""Alarms of real short runs into which a fault was put: from the fault to the event that a sink receives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
import torch
from torch import nn

from esper.contracts.actions import Blueprint, Head, Op, Style
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.contracts.seeds import SeedInfo
from esper.fleet import measure
from esper.fleet.measure import EnvMeasurement, EvaluationTotals, TrainTotals
from esper.growth.lifecycle.state import Germination, seed_info
from esper.growth.lifecycle.transitions import germinate
from esper.history.presets import load_preset, with_overrides
from esper.policy.network import FactoredRecurrentPolicy
from esper.telemetry.events import AnomalyDetected, Event, EventKind, Severity, Trend, TrendDetected
from esper.telemetry.hub import Hub
from esper.training.anomalies import memory
from esper.training.anomalies.memory import MemoryReading
from esper.training.anomalies.watches import AccuracyWatch, SeedWatch
from esper.training.config import RunConfig
from esper.training.ppo.rollout_buffer import RolloutBuffer, RolloutTensors
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
TINY = ["run.threads=1", "fleet.envs=2", "fleet.steps_per_epoch=1", "fleet.batch_size=16", "host.base_channels=2"]
Change = Callable[[int, int, CounterfactualMatrix], CounterfactualMatrix]


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def accept(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def run(*overrides: str) -> list[Event]:
    listener, hub = Listener(), Hub()
    hub.add_sink(listener)
    train_ppo_vectorized(with_overrides(load_preset("digits"), [*TINY, *overrides]), RunHooks(hub=hub))
    return listener.events


def alarms(events: list[Event], *rules: str) -> list[AnomalyDetected]:
    """The alarms of these rules; each has its severity on the envelope too."""
    found = [event for event in events if isinstance(event.payload, AnomalyDetected)]
    assert all(
        event.severity is event.payload.severity for event in found if isinstance(event.payload, AnomalyDetected)
    )
    return [alarm for event in found if isinstance(alarm := event.payload, AnomalyDetected) and alarm.rule in rules]


def told(events: list[Event], *rules: str) -> set[tuple[str, Severity]]:
    return {(alarm.rule, alarm.severity) for alarm in alarms(events, *rules)}


def change_measurements(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Let the trainer measure change(epoch of the run, env, matrix) in place of what ablation gave."""
    honest, epochs = measure.collect, count(1)

    def collect(train: TrainTotals | None, evaluation: EvaluationTotals) -> tuple[EnvMeasurement, ...]:
        measured = honest(train, evaluation)
        if train is None:
            return measured
        epoch = next(epochs)
        return tuple(
            replace(one, counterfactual=change(epoch, env, one.counterfactual)) for env, one in enumerate(measured)
        )

    monkeypatch.setattr(measure, "collect", collect)


def constant(matrix: CounterfactualMatrix, accuracy: float) -> CounterfactualMatrix:
    """The same accuracy whatever is switched off."""
    same = tuple(MaskedAccuracy(slots_on=one.slots_on, accuracy=accuracy) for one in matrix.measurements)
    return replace(matrix, measurements=same)


def a_seed(slot_id: str) -> SeedInfo:
    request = Germination(
        seed_id=f"seed of {slot_id}",
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_ADD,
        tempo_epochs=3,
        alpha_target=1.0,
        parameter_count=10,
        val_accuracy=50.0,
    )
    state = germinate(None, request).state
    assert state is not None
    return seed_info(state, slot_id)


def test_an_undisturbed_run_is_quiet() -> None:
    """With as many decisions as the presets take in a batch: a handful of them is worth a warning."""
    # Masks that know the gates let these tiny hosts grow at once; then single validation images trip the ransom rule.
    masks = "growth.op_masks=possible"
    events = run("run.rounds=2", "fleet.envs=8", "fleet.episode_length=25", "fleet.steps_per_epoch=4", masks)
    assert [event for event in events if event.kind is EventKind.ANOMALY_DETECTED] == []


def test_an_update_that_goes_much_too_far() -> None:
    far = ("ppo.learning_rate=0.3", "ppo.target_kl=1000", "ppo.epochs=4")
    events = run("run.rounds=1", "fleet.episode_length=8", "run.seed=2", *far)
    rules = ("kl_spike", "ratio_explosion", "ratio_collapse")
    expected = {("kl_spike", CRITICAL), ("ratio_explosion", WARNING), ("ratio_collapse", WARNING)}
    assert told(events, *rules) == expected
    kinds = [event.kind for event in events]
    assert kinds.index(EventKind.ANOMALY_DETECTED) < kinds.index(EventKind.PPO_UPDATE_COMPLETED)


def test_a_policy_with_one_favourite_op(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its op head is certain of WAIT to the last bit, so that it has neither entropy nor gradient."""
    build = FactoredRecurrentPolicy.__init__

    def certain(policy: FactoredRecurrentPolicy, *args: object, **kwargs: object) -> None:
        build(policy, *args, **kwargs)  # type: ignore[arg-type]
        last = [layer for layer in policy.heads[Head.OP].modules() if isinstance(layer, nn.Linear)][-1]
        with torch.no_grad():
            last.bias[Op.WAIT] = 500.0

    monkeypatch.setattr(FactoredRecurrentPolicy, "__init__", certain)
    found = alarms(run("run.rounds=1", "fleet.episode_length=12"), "entropy_collapse", "dead_head")
    assert {(alarm.rule, alarm.head, alarm.severity) for alarm in found} == {
        ("entropy_collapse", "op", CRITICAL),
        ("dead_head", "op", WARNING),
    }


def test_a_reward_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = RolloutBuffer.tensors

    def tensors(buffer: RolloutBuffer) -> RolloutTensors:
        rollout = honest(buffer)
        rollout.rewards_et[0, 0] = torch.nan
        return rollout

    monkeypatch.setattr(RolloutBuffer, "tensors", tensors)
    events = run("run.rounds=1", "fleet.episode_length=4")
    assert told(events, "numerical_instability") == {("numerical_instability", CRITICAL)}


def test_a_gradient_far_above_the_clip_of_the_run() -> None:
    events = run("run.rounds=1", "fleet.episode_length=4", "ppo.max_grad_norm=0.001")
    assert told(events, "gradient_explosion", "gradient_vanishing") == {("gradient_explosion", CRITICAL)}


def test_seeds_that_hold_the_host_to_ransom(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first epoch with two active seeds on, both are needed and both do harm."""

    def ransom(_epoch: int, _env: int, matrix: CounterfactualMatrix) -> CounterfactualMatrix:
        def accuracy(slots_on: tuple[bool, ...]) -> float:
            if sum(matrix.active) < 2:
                return 50.0
            return 60.0 if not any(slots_on) else 50.0 if slots_on == matrix.active else 40.0

        measurements = (MaskedAccuracy(slots_on=o.slots_on, accuracy=accuracy(o.slots_on)) for o in matrix.measurements)
        return replace(matrix, measurements=tuple(measurements))

    change_measurements(monkeypatch, ransom)
    lively = ["growth.min_training_epochs=1", "growth.single_incubation=false", "growth.permissive_gates=true"]
    events = run("run.rounds=1", "fleet.envs=8", "fleet.episode_length=30", *lively)
    found = alarms(events, "ransomware", "attribution_ratio")
    assert {(alarm.rule, alarm.severity, alarm.value) for alarm in found} == {("ransomware", CRITICAL, 10.0)}
    places = Counter((alarm.env_id, alarm.slot_id) for alarm in found)
    assert len(places) >= 2
    # The alarm comes in the epoch of the measurement that shows it, and once for a seed.
    first = next(index for index, event in enumerate(events) if event.kind is EventKind.ANOMALY_DETECTED)
    matrix = next(e.payload for e in reversed(events[:first]) if e.kind is EventKind.COUNTERFACTUAL_MATRIX_COMPUTED)
    assert (matrix.env_id, matrix.epoch) == (found[0].env_id, found[0].epoch)
    born = Counter((e.payload.env_id, e.payload.slot_id) for e in events if e.kind is EventKind.SEED_GERMINATED)
    assert all(times <= born[place] for place, times in places.items())


def test_a_suspicion_that_grows_is_told_again_and_one_that_stays_is_not() -> None:
    """The seed is worth half a point, then two points, then half a point again, while both seeds together do harm."""
    watch, told = SeedWatch(("r0c0", "r0c1"), batch=1, batches=9), list[list[Severity]]()
    seeds = [a_seed("r0c0"), a_seed("r0c1")]
    for epoch, points in enumerate((0.5, 0.5, 2.0, 2.0, 0.5), start=1):
        accuracies = {(True, True): 50.0, (False, True): 50.0 - points, (True, False): 52.0, (False, False): 60.0}
        measured = tuple(MaskedAccuracy(slots_on=on, accuracy=accuracy) for on, accuracy in accuracies.items())
        matrix = CounterfactualMatrix(active=(True, True), committed=(False, False), measurements=measured)
        told.append([alarm.severity for alarm in watch.after_epoch(0, epoch, matrix, seeds)])
    assert told == [[WARNING], [], [CRITICAL], [], []]


def test_trends_and_a_fall_in_performance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one epoch with the accuracies that are written here; env 1 never changes."""
    by_batch = [50.0, 50.0, 60.0, 62.0, 50.0, 20.0]
    change_measurements(
        monkeypatch, lambda batch, env, matrix: constant(matrix, by_batch[batch - 1] if not env else 50.0)
    )
    events = run("run.rounds=6", "run.rolling_window=1", "fleet.episode_length=1")
    trends = [(e.payload.batch, e.payload.trend, e.severity) for e in events if isinstance(e.payload, TrendDetected)]
    assert trends == [
        (2, Trend.PLATEAU, Severity.INFO),
        (3, Trend.IMPROVEMENT, Severity.INFO),
        (5, Trend.DEGRADATION, WARNING),
        (6, Trend.DEGRADATION, WARNING),
    ]
    (fall,) = alarms(events, "performance_degradation")
    # In batch 5 env 0 is no lower than it was before.
    assert (fall.env_id, fall.batch, fall.severity) == (0, 6, WARNING)
    mean = (60.0 + 62.0 + 50.0) / 3
    assert fall.value == pytest.approx((mean - 20.0) / mean)


def test_a_run_that_goes_on_remembers_the_accuracies_before_it() -> None:
    watch = AccuracyWatch(RunConfig(rounds=10))
    assert watch.after_batch(5, {0: 20.0}) == ()
    recalled = AccuracyWatch(RunConfig(rounds=10))
    for accuracy in (60.0, 61.0, 60.0, 61.0):
        recalled.remember({0: accuracy})
    (alarm,) = recalled.after_batch(5, {0: 20.0})
    assert (alarm.rule, alarm.env_id) == ("performance_degradation", 0)


def test_memory_that_runs_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "resident_memory", lambda: MemoryReading(used=9, total=10))
    events = run("run.rounds=2", "fleet.episode_length=1")
    (alarm,) = alarms(events, "memory")
    assert (alarm.value, alarm.batch, alarm.severity) == (0.9, 1, WARNING)
