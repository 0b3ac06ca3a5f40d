"""The reducer: figures follow from events; reading does not disturb it; missing stays missing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_run import SLOT_IDS, ScriptedRun

from esper.contracts.stages import SeedStage
from esper.telemetry.events import (
    AnomalyDetected,
    AnomalyType,
    BatchStats,
    EpochCompleted,
    Event,
    EventKind,
    RunEnd,
    SeedGateEvaluated,
    SeedGerminated,
    Severity,
)
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import CockpitSnapshot, EnvStatus

EVENTS = ScriptedRun(envs=3, epochs=5).events()


def reduce(events: list[Event]) -> CockpitSnapshot:
    aggregator = Aggregator()
    for event in events:
        aggregator.apply(event)
    return aggregator.snapshot()


def test_a_whole_run_adds_up() -> None:
    snapshot = reduce(EVENTS)
    assert snapshot.events == len(EVENTS)
    assert snapshot.ended is not None
    assert snapshot.ended.end is RunEnd.FINISHED
    assert (snapshot.progress.batch, snapshot.progress.epoch, snapshot.progress.batches_completed) == (2, 5, 2)
    assert snapshot.progress.env_epochs == 2 * 3 * 5
    (group,) = snapshot.groups
    assert len(group.rounds) == len(group.updates) == 2
    assert len(group.curve) == len(group.previous_curve) == 5
    assert sum(op.run_chosen for op in group.ops) == 2 * 3 * 5
    assert sum(op.round_chosen for op in group.ops) == 3 * 5
    assert len(snapshot.log) + snapshot.folded == len(EVENTS)


def test_before_the_first_event_nothing_is_claimed() -> None:
    snapshot = Aggregator().snapshot()
    assert snapshot.run is None
    assert snapshot.progress.rate_now is snapshot.progress.rate_mean is snapshot.progress.eta_seconds is None
    assert snapshot.envs == ()


def test_after_the_start_every_env_waits_with_missing_figures() -> None:
    snapshot = reduce(EVENTS[:1])
    assert [row.env_id for row in snapshot.envs] == [0, 1, 2]
    row = snapshot.envs[0]
    assert row.status is EnvStatus.WAITING
    assert row.accuracy is row.episode_return is row.growth is row.decision is None
    assert row.slots == (None,) * len(SLOT_IDS)


@given(cut=st.integers(0, len(EVENTS)), looks=st.lists(st.integers(0, len(EVENTS)), max_size=4))
def test_a_prefix_then_the_rest_equals_one_pass(cut: int, looks: list[int]) -> None:
    """Snapshots in between and a copy at the cut change nothing, and the copy's source stays where it was."""
    first = Aggregator()
    for index, event in enumerate(EVENTS[:cut]):
        if index in looks:
            first.snapshot()
        first.apply(event)
    at_cut = first.snapshot()
    second = first.copy()
    for event in EVENTS[cut:]:
        second.apply(event)
    assert second.snapshot() == reduce(EVENTS)
    assert first.snapshot() == at_cut == reduce(EVENTS[:cut])


def test_an_unchanged_env_keeps_its_row_object() -> None:
    aggregator = Aggregator()
    for event in EVENTS[:-1]:
        aggregator.apply(event)
    before = aggregator.snapshot().envs
    aggregator.apply(EVENTS[-1])
    assert all(old is new for old, new in zip(before, aggregator.snapshot().envs, strict=True))


def test_a_new_episode_forgets_the_last_one() -> None:
    first_of_round_two = next(
        index
        for index, event in enumerate(EVENTS)
        if isinstance(event.payload, EpochCompleted) and event.payload.batch == 2
    )
    row = reduce(EVENTS[: first_of_round_two + 1]).envs[0]
    assert (row.epoch, row.delta10, row.episode_return, row.decision, row.outcome) == (1, None, None, None, None)
    assert len(row.trend) == 1


def test_a_rollback_and_a_nan_loss_are_critical() -> None:
    events = ScriptedRun(envs=3, epochs=6, rollback_env=1, nan_env=2).events()
    last_epoch = max(index for index, event in enumerate(events) if event.kind is EventKind.LAST_ACTION)
    rows = reduce(events[: last_epoch + 1]).envs
    assert (rows[1].status, rows[1].level) == (EnvStatus.ROLLED_BACK, Level.CRITICAL)
    assert (rows[2].status, rows[2].level) == (EnvStatus.NOT_A_NUMBER, Level.CRITICAL)
    assert rows[2].val_loss is not None
    assert math.isnan(rows[2].val_loss)
    assert rows[0].level is Level.FINE


def test_seed_events_show_before_the_next_epoch_reports_the_slots() -> None:
    aggregator = Aggregator()
    for event in EVENTS:
        aggregator.apply(event)
        payload = event.payload
        if isinstance(payload, SeedGerminated):
            slot = aggregator.snapshot().envs[payload.env_id].slots[SLOT_IDS.index(payload.slot_id)]
            assert slot is not None
            assert (slot.stage, slot.epochs_in_stage) == (SeedStage.GERMINATED, 0)
            return
    pytest.fail("the script germinates no seed")


def test_a_gate_that_fails_every_epoch_is_listed_once() -> None:
    gate = next(event for event in EVENTS if isinstance(event.payload, SeedGateEvaluated))
    assert isinstance(gate.payload, SeedGateEvaluated)
    failing = replace(gate.payload, passed=False)
    repeats = [replace(gate, seq=1000 + index, payload=failing) for index in range(5)]
    quiet = reduce([EVENTS[0], *repeats])
    assert sum(line.word == "gate" for line in quiet.log) == 1
    assert quiet.folded == 4


def test_rate_and_eta_follow_from_event_times() -> None:
    run = ScriptedRun(envs=2, epochs=10, rounds=1, max_rounds=2, end=None, seconds_per_epoch=1.0)
    progress = reduce(run.events()).progress
    assert progress.rate_now == pytest.approx(2.0, rel=0.05)
    assert progress.rate_mean == pytest.approx(2.0, rel=0.05)
    assert progress.eta_seconds == pytest.approx(10.0, rel=0.05)


def alarm(batch: int, **changes: object) -> Event:
    payload = AnomalyDetected(
        anomaly=AnomalyType.REWARD_HACKING,
        rule="ransomware",
        severity=Severity.CRITICAL,
        batch=batch,
        value=1.5,
        limit=1.0,
        detail="the host is worse off",
        epoch=3,
        env_id=1,
        slot_id="r0c1",
        head=None,
    )
    return Event(seq=1, time=1.0, payload=replace(payload, **changes))


def test_alarms_stand_until_the_next_rounds_figures() -> None:
    first, second = (event for event in EVENTS if isinstance(event.payload, BatchStats))
    late = alarm(2, env_id=None, slot_id=None, head="op", severity=Severity.WARNING)
    assert len(reduce([EVENTS[0], alarm(1), first]).alerts) == 1
    other = alarm(2, env_id=2)
    assert len(reduce([EVENTS[0], alarm(1), first, other]).alerts) == 2, "nothing vanishes in mid-round"
    again = alarm(2, env_id=2, slot_id=None)
    snapshot = reduce([EVENTS[0], alarm(1), first, again, late, second])
    assert [(one.level, one.who, one.word, one.text) for one in snapshot.alerts] == [
        (Level.CRITICAL, "env02", "ransomware", "1.5, limit 1"),
        (Level.WARNING, "policy op", "ransomware", "1.5, limit 1"),
    ]
    assert [(one.who, one.raised.batch) for one in snapshot.resolved] == [("env01 r0c1", 1)]


def test_an_alarm_is_logged_with_its_place_and_level() -> None:
    *_, line = reduce([EVENTS[0], alarm(1)]).log
    assert (line.word, line.env_id, line.level) == ("reward hacking", 1, Level.CRITICAL)
    assert line.text == "r0c1 ransomware 1.5, limit 1: the host is worse off"
    *_, line = reduce([EVENTS[0], alarm(1, severity=Severity.WARNING, env_id=None)]).log
    assert (line.env_id, line.level) == (None, Level.WARNING)
