"""The life of a seed: stages, alpha, prune, cooldown, counters, measurements."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint, Style, Topology
from esper.contracts.gates import Gate
from esper.contracts.seeds import GradientHealth, PruneInitiator
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle import transitions as lifecycle
from esper.growth.lifecycle.alpha import AlphaState
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import Change, Fossilized, GateEvaluated, Germinated, Pruned, StageChanged
from esper.growth.lifecycle.state import (
    Germination,
    SeedMeasurement,
    SeedState,
    has_module,
    record_measurement,
    seed_info,
    slot_control,
)

CONFIG = GrowthConfig(min_training_epochs=2)
HEALTHY = GradientHealth(norm=1.0, health=1.0, ratio=0.5, has_vanishing=False, has_exploding=False)


def request(**changes: Any) -> Germination:
    values: dict[str, Any] = {
        "seed_id": "seed",
        "blueprint": Blueprint.NORM,
        "style": Style.LINEAR_ADD,
        "tempo_epochs": 4,
        "alpha_target": 1.0,
        "parameter_count": 17,
        "val_accuracy": 20.0,
        **changes,
    }
    return Germination(**values)


def done(change: Change) -> SeedState:
    assert change.refused is None, change.refused
    assert change.state is not None
    return change.state


def germinated(**changes: Any) -> SeedState:
    return done(lifecycle.germinate(None, request(**changes)))


def live_epoch(state: SeedState, accuracy: float = 20.0, contribution: float | None = None) -> SeedState:
    """One tick, then the next epoch's measurement."""
    measurement = SeedMeasurement(
        val_accuracy=accuracy, contribution=contribution, interaction_sum=None, gradient=HEALTHY
    )
    return record_measurement(done(lifecycle.tick(state, CONFIG)), measurement)


def blending(**changes: Any) -> SeedState:
    state = done(lifecycle.advance(germinated(**changes), CONFIG))
    for _ in range(CONFIG.min_training_epochs):
        state = live_epoch(state)
    return done(lifecycle.advance(state, CONFIG))


def holding(**changes: Any) -> SeedState:
    state = blending(**changes)
    for _ in range(state.tempo_epochs):
        state = live_epoch(state, contribution=2.0)
    return done(lifecycle.advance(state, CONFIG))


def prune_request(state: SeedState, steps: int) -> Change:
    return lifecycle.schedule_prune(state, steps=steps, curve=AlphaCurve.LINEAR, steepness=12.0)


def alpha_request(state: SeedState, target: float, steps: int = 0) -> Change:
    return lifecycle.set_alpha_target(
        state, target=target, steps=steps, curve=AlphaCurve.LINEAR, steepness=12.0, algorithm=AlphaAlgorithm.ADD
    )


# --- the way up -------------------------------------------------------------------------------------------------


def test_germination_reports_gate_seed_and_stage() -> None:
    change = lifecycle.germinate(None, request(tempo_epochs=3, alpha_target=0.7))
    gate, seed, stage = change.events
    assert isinstance(gate, GateEvaluated)
    assert (gate.result.gate, gate.result.passed) == (Gate.G0, True)
    assert isinstance(seed, Germinated)
    assert (seed.tempo_epochs, seed.alpha_target, seed.alpha_curve) == (3, 0.7, AlphaCurve.LINEAR)
    assert isinstance(stage, StageChanged)
    assert (stage.from_stage, stage.to_stage) == (SeedStage.DORMANT, SeedStage.GERMINATED)
    assert done(change).accuracy_at_germination == 20.0


def test_an_occupied_slot_refuses_a_second_seed_and_noop_is_no_seed() -> None:
    state = germinated()
    again = lifecycle.germinate(state, request())
    assert again.state is state
    assert again.refused is not None
    assert "occupied" in again.refused
    noop = lifecycle.germinate(None, request(blueprint=Blueprint.NOOP))
    assert noop.state is None
    assert noop.refused is not None


def test_full_way_from_germination_to_fossil() -> None:
    state = germinated(tempo_epochs=4)
    assert slot_control(state, Topology.CNN) is None
    assert has_module(state)

    state = done(lifecycle.advance(state, CONFIG))
    assert state.stage is SeedStage.TRAINING
    early = lifecycle.advance(live_epoch(state), CONFIG)
    assert early.refused == "G2 not passed: epochs_in_stage 1 (needs 2)"
    assert [type(event) for event in early.events] == [GateEvaluated]

    state = live_epoch(live_epoch(state, accuracy=22.0), accuracy=25.0)
    entered = lifecycle.advance(state, CONFIG)
    stage_event = entered.events[1]
    assert isinstance(stage_event, StageChanged)
    assert (stage_event.accuracy_delta, stage_event.epochs_in_stage) == (5.0, 2)
    state = done(entered)
    assert (state.accuracy_at_blending_start, state.accuracy_at_stage_start) == (25.0, 25.0)
    assert (state.previous_stage, state.previous_epochs_in_stage) == (SeedStage.TRAINING, 2)

    alphas = [0.0]
    for _ in range(4):
        refused = lifecycle.advance(state, CONFIG).refused
        assert refused is not None
        assert refused.startswith("G3 not passed")
        state = live_epoch(state, contribution=3.0)
        alphas.append(state.alpha.value)
    assert alphas == [0.0, 0.25, 0.5, 0.75, 1.0]

    state = done(lifecycle.advance(state, CONFIG))
    assert state.stage is SeedStage.HOLDING
    no_way = lifecycle.advance(state, CONFIG)
    assert no_way.refused is not None
    assert "only FOSSILIZE commits" in no_way.refused
    assert no_way.state is state

    committed = lifecycle.fossilize(state, CONFIG)
    fossil = committed.events[-1]
    assert isinstance(fossil, Fossilized)
    assert (fossil.parameter_count, fossil.contribution, fossil.alpha) == (17, 3.0, 1.0)
    assert done(committed).stage is SeedStage.FOSSILIZED


def test_partial_target_strands_nobody_and_commits_as_it_is() -> None:
    state = holding(alpha_target=0.5)
    assert state.alpha.value == 0.5
    fossil = done(lifecycle.fossilize(state, CONFIG))
    control = slot_control(fossil, Topology.CNN)
    assert control is not None
    assert (control.alpha, control.committed, control.isolate) == (0.5, True, False)
    assert done(lifecycle.tick(fossil, CONFIG)).alpha.value == 0.5


def test_fossilize_refuses_other_stages_and_unmeasured_seeds() -> None:
    refused = lifecycle.fossilize(blending(), CONFIG).refused
    assert refused is not None
    assert "HOLDING" in refused
    unmeasured = lifecycle.fossilize(replace(holding(), contribution=None), CONFIG)
    assert unmeasured.refused is not None
    assert "G5" in unmeasured.refused


def test_auto_forward_takes_each_gate_without_an_action() -> None:
    config = replace(CONFIG, auto_forward_g1=True, auto_forward_g2=True, auto_forward_g3=True)
    state = germinated(tempo_epochs=2)
    seen: list[SeedStage] = []
    for _ in range(7):
        change = lifecycle.tick(state, config)
        assert all(event.result.passed for event in change.events if isinstance(event, GateEvaluated))
        measurement = SeedMeasurement(val_accuracy=20.0, contribution=1.0, interaction_sum=None, gradient=HEALTHY)
        state = record_measurement(done(change), measurement)
        seen.append(state.stage)
    training, blend, hold = SeedStage.TRAINING, SeedStage.BLENDING, SeedStage.HOLDING
    assert seen == [training, training, blend, blend, hold, hold, hold]


def test_alpha_moves_in_the_epoch_of_the_advance() -> None:
    state = done(lifecycle.tick(blending(tempo_epochs=4), CONFIG))
    assert state.alpha.value == 0.25
    assert (state.epochs_in_stage, state.alpha.steps_done) == (1, 1)


def test_sigmoid_style_ramps_along_the_sigmoid() -> None:
    state = done(lifecycle.tick(blending(style=Style.SIGMOID_ADD, tempo_epochs=4), CONFIG))
    assert 0.0 < state.alpha.value < 0.1


# --- alpha targets and prunes --------------------------------------------------------------------------------------


def test_new_target_takes_a_held_seed_back_to_blending_and_freezes_it_on_the_way_down() -> None:
    change = alpha_request(holding(), 0.5, steps=2)
    state = done(change)
    assert state.stage is SeedStage.BLENDING
    assert [type(event) for event in change.events] == [StageChanged]
    control = slot_control(state, Topology.CNN)
    assert control is not None
    assert control.frozen
    state = live_epoch(live_epoch(state))
    assert (state.alpha.value, state.alpha.mode) == (0.5, AlphaMode.HOLD)
    rested = slot_control(state, Topology.CNN)
    assert rested is not None
    assert not rested.frozen
    assert done(lifecycle.advance(state, CONFIG)).stage is SeedStage.HOLDING


def test_a_target_that_alpha_has_already_leaves_the_seed_in_holding() -> None:
    change = alpha_request(holding(), 1.0, steps=5)
    assert done(change).stage is SeedStage.HOLDING
    assert done(change).alpha.mode is AlphaMode.HOLD
    assert change.events == ()


def test_a_held_partial_alpha_can_rise_to_full() -> None:
    state = done(alpha_request(holding(alpha_target=0.5), 1.0, steps=0))
    assert (state.stage, state.alpha.value) == (SeedStage.BLENDING, 1.0)


def test_alpha_target_is_refused_on_a_ramp_and_outside_blending() -> None:
    on_ramp = alpha_request(live_epoch(blending()), 0.5)
    assert on_ramp.refused is not None
    assert "ramp" in on_ramp.refused
    assert alpha_request(germinated(), 0.5).refused is not None


def test_prune_at_once_frees_the_module_and_tells_why() -> None:
    change = prune_request(holding(), steps=0)
    state = done(change)
    stage, pruned = change.events
    assert isinstance(stage, StageChanged)
    assert isinstance(pruned, Pruned)
    assert (pruned.reason, pruned.initiator) == (lifecycle.POLICY_PRUNE, PruneInitiator.POLICY)
    assert state.stage is SeedStage.PRUNED
    assert (state.alpha.value, state.parameter_count, has_module(state)) == (0.0, 0, False)
    assert slot_control(state, Topology.CNN) is None


def test_scheduled_prune_ramps_down_frozen_and_then_prunes() -> None:
    state = done(prune_request(holding(), steps=2))
    assert (state.stage, state.alpha.mode) == (SeedStage.BLENDING, AlphaMode.DOWN)
    blocked = prune_request(state, steps=0)
    assert blocked.refused is not None
    state = live_epoch(state)
    control = slot_control(state, Topology.CNN)
    assert control is not None
    assert (control.alpha, control.frozen) == (0.5, True)
    last = lifecycle.tick(state, CONFIG)
    pruned = [event for event in last.events if isinstance(event, Pruned)]
    assert [event.reason for event in pruned] == [lifecycle.SCHEDULED_PRUNE]
    assert not has_module(last.state)


@pytest.mark.parametrize("stage", ["germinated", "training"])
def test_before_blending_a_scheduled_prune_is_immediate(stage: str) -> None:
    state = germinated()
    if stage == "training":
        state = done(lifecycle.advance(state, CONFIG))
    assert done(prune_request(state, steps=8)).stage is SeedStage.PRUNED


def test_governor_prunes_on_a_ramp_but_nobody_prunes_a_fossil() -> None:
    on_ramp = live_epoch(blending())
    change = lifecycle.prune(on_ramp, reason="governor_nan", initiator=PruneInitiator.GOVERNOR)
    assert done(change).stage is SeedStage.PRUNED
    fossil = done(lifecycle.fossilize(holding(), CONFIG))
    refused = lifecycle.prune(fossil, reason="governor_nan", initiator=PruneInitiator.GOVERNOR)
    assert refused.refused is not None
    assert refused.state is fossil
    assert prune_request(fossil, steps=0).refused is not None


def test_holding_times_out_after_exactly_that_many_epochs() -> None:
    config = replace(CONFIG, holding_timeout=3)
    state = holding()
    for _ in range(3):
        state = done(lifecycle.tick(state, config))
        assert state.stage is SeedStage.HOLDING
    change = lifecycle.tick(state, config)
    pruned = [event for event in change.events if isinstance(event, Pruned)]
    assert [(event.reason, event.initiator) for event in pruned] == [
        (lifecycle.HOLDING_TIMEOUT, PruneInitiator.TIMEOUT)
    ]


def test_no_timeout_when_switched_off() -> None:
    state = holding()
    for _ in range(100):
        state = done(lifecycle.tick(state, replace(CONFIG, holding_timeout=0)))
    assert state.stage is SeedStage.HOLDING


@pytest.mark.parametrize("embargo", [0, 1, 5])
def test_cooldown_lasts_the_embargo_and_one_reset_epoch(embargo: int) -> None:
    config = replace(CONFIG, embargo_epochs=embargo)
    state: SeedState | None = done(prune_request(germinated(), steps=0))
    seen: list[SeedStage] = []
    last: Change | None = None
    while state is not None:
        last = lifecycle.tick(state, config)
        state = last.state
        if state is not None:
            seen.append(state.stage)
    assert seen == [SeedStage.EMBARGOED] * embargo + [SeedStage.RESETTING]
    assert last is not None
    (emptied,) = last.events
    assert isinstance(emptied, StageChanged)
    assert emptied.to_stage is SeedStage.DORMANT


def test_counters_tick_once_per_epoch_in_every_stage() -> None:
    for state in (germinated(), blending(), holding(), done(prune_request(holding(), steps=0))):
        ticked = done(lifecycle.tick(state, CONFIG))
        assert ticked.epochs_total == state.epochs_total + 1
        again = done(lifecycle.tick(ticked, CONFIG))
        assert again.epochs_in_stage == ticked.epochs_in_stage + 1


# --- measurements and views -------------------------------------------------------------------------------------


def measured(state: SeedState, **values: Any) -> SeedState:
    defaults: dict[str, Any] = {
        "val_accuracy": 30.0,
        "contribution": None,
        "interaction_sum": None,
        "gradient": None,
    }
    return record_measurement(state, SeedMeasurement(**{**defaults, **values}))


def test_first_gradient_ratio_counts_in_full_and_later_ones_are_smoothed() -> None:
    first = measured(germinated(), gradient=replace(HEALTHY, ratio=2.0, health=0.8))
    assert first.gradient is not None
    assert first.gradient.ratio == 2.0
    assert first.previous_gradient_health is None
    second = measured(first, gradient=replace(HEALTHY, ratio=100.0))
    assert second.gradient is not None
    assert second.gradient.ratio == pytest.approx(0.9 * 2.0 + 0.1 * 10.0)
    assert second.previous_gradient_health == 0.8
    assert measured(second).gradient == second.gradient


def test_contribution_its_velocity_and_its_age() -> None:
    never = measured(blending())
    assert (never.contribution, never.epochs_since_counterfactual) == (None, None)
    first = measured(never, contribution=2.0)
    assert (first.contribution, first.contribution_velocity, first.epochs_since_counterfactual) == (2.0, None, 0)
    second = measured(first, contribution=3.0)
    assert second.contribution_velocity == 1.0
    third = measured(second, contribution=3.0)
    assert third.contribution_velocity == pytest.approx(0.7)
    gap = measured(third)
    assert (gap.contribution, gap.epochs_since_counterfactual) == (3.0, 1)


def test_interaction_belongs_to_one_epoch_and_best_accuracy_stays() -> None:
    state = measured(measured(blending(), interaction_sum=1.5, val_accuracy=40.0), val_accuracy=35.0)
    assert state.interaction_sum is None
    assert (state.best_accuracy, state.current_accuracy) == (40.0, 35.0)


def test_the_record_of_a_pruned_seed_is_closed() -> None:
    pruned = done(prune_request(holding(), steps=0))
    assert measured(pruned, val_accuracy=99.0, contribution=50.0) is pruned


def test_isolation_by_stage_and_topology() -> None:
    def isolates(state: SeedState, topology: Topology) -> bool:
        control = slot_control(state, topology)
        assert control is not None
        return control.isolate

    training = done(lifecycle.advance(germinated(), CONFIG))
    fossil = done(lifecycle.fossilize(holding(), CONFIG))
    assert [isolates(s, Topology.CNN) for s in (training, blending(), holding(), fossil)] == [True, True, True, False]
    assert [isolates(s, Topology.TRANSFORMER) for s in (training, blending(), fossil)] == [True, False, False]
    control = slot_control(training, Topology.CNN)
    assert control is not None
    assert control.straight_through
    assert control.alpha == 0.0


def test_seed_info_shows_the_chosen_target_before_the_first_ramp() -> None:
    assert seed_info(germinated(alpha_target=0.7), "r0c1").alpha_target == 0.7
    risen = done(alpha_request(holding(alpha_target=0.7), 1.0, steps=3))
    info = seed_info(risen, "r0c1")
    assert (info.slot_id, info.alpha, info.alpha_target, info.alpha_mode) == ("r0c1", 0.7, 1.0, AlphaMode.UP)
    assert AlphaState.resting(0.3).at_target
