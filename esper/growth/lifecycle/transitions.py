"""The life of a seed as pure functions on its frozen state.

Every function returns a Change: the new state and what happened, or the old state and the reason why nothing did.
contracts/stages.py says which transitions are legal, and the one place where a stage changes asserts it. Whether an op
is possible at all is decided in predicates.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from esper.contracts.actions import DEFAULT_STEEPNESS, STYLE_VALUES, AlphaAlgorithm, AlphaCurve, AlphaMode
from esper.contracts.constants import ALPHA_TOLERANCE
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import LIVE_STAGES, SeedStage, is_legal_transition
from esper.growth.lifecycle.alpha import AlphaState, advance_alpha, retarget
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import (
    Change,
    Fossilized,
    GateEvaluated,
    Germinated,
    LifecycleEvent,
    Pruned,
    StageChanged,
)
from esper.growth.lifecycle.gates import describe_failure, evaluate_gate, evaluate_germination_gate
from esper.growth.lifecycle.state import Germination, SeedState

POLICY_PRUNE: Final = "policy_prune"
"""The reason of a prune that the controller requested and that took place at once."""
SCHEDULED_PRUNE: Final = "scheduled_prune"
"""The reason of a prune that the controller requested and that waited for alpha to reach 0."""
HOLDING_TIMEOUT: Final = "holding_timeout"
"""The reason of a prune because the seed stayed in HOLDING for too long."""

_NEXT_STAGE: Final[dict[SeedStage, SeedStage]] = {
    SeedStage.GERMINATED: SeedStage.TRAINING,
    SeedStage.TRAINING: SeedStage.BLENDING,
    SeedStage.BLENDING: SeedStage.HOLDING,
}


def germinate(state: SeedState | None, request: Germination) -> Change:
    """Put a seed into an empty slot. It takes no part in the forward pass until it is advanced to TRAINING."""
    if state is not None:
        return _refuse(state, f"the slot is occupied by a seed in {state.stage.name}")
    dormant = _dormant(request)
    gate = evaluate_germination_gate(dormant)
    report = GateEvaluated(seed_id=request.seed_id, blueprint=request.blueprint, result=gate)
    if not gate.passed:
        return Change(state=None, events=(report,), refused=describe_failure(gate))
    entered, stage_changed = _enter(dormant, SeedStage.GERMINATED)
    germinated = Germinated(
        seed_id=request.seed_id,
        blueprint=request.blueprint,
        parameter_count=request.parameter_count,
        tempo_epochs=request.tempo_epochs,
        alpha_target=request.alpha_target,
        alpha_algorithm=request.algorithm,
        alpha_curve=request.curve,
    )
    return Change(state=entered, events=(report, germinated, stage_changed))


def advance(state: SeedState, config: GrowthConfig) -> Change:
    """Take the seed to its next stage if that stage's gate opens.

    This never commits a seed, which only fossilize does.
    """
    target = _NEXT_STAGE.get(state.stage)
    if target is None:
        if state.stage is SeedStage.HOLDING:
            return _refuse(state, "a seed in HOLDING does not advance: only FOSSILIZE commits")
        return _refuse(state, f"a seed in {state.stage.name} has no stage to advance to")
    gate = evaluate_gate(state, target, config)
    report = GateEvaluated(seed_id=state.seed_id, blueprint=state.blueprint, result=gate)
    if not gate.passed:
        return Change(state=state, events=(report,), refused=describe_failure(gate))
    entered, stage_changed = _enter(state, target)
    if target is SeedStage.BLENDING:
        entered = replace(entered, alpha=_first_ramp(entered))
    return Change(state=entered, events=(report, stage_changed))


def closed_gate(state: SeedState, config: GrowthConfig) -> str | None:
    """Why the seed's next gate would refuse it now, or None if it would open or there is no next gate."""
    target = SeedStage.FOSSILIZED if state.stage is SeedStage.HOLDING else _NEXT_STAGE.get(state.stage)
    if target is None:
        return None
    gate = evaluate_gate(state, target, config)
    return None if gate.passed else describe_failure(gate)


def fossilize(state: SeedState, config: GrowthConfig) -> Change:
    """Commit a seed in HOLDING to the host for good, at the alpha that it has, if gate G5 opens."""
    if state.stage is not SeedStage.HOLDING:
        return _refuse(state, f"only a seed in HOLDING can be fossilised, this one is in {state.stage.name}")
    gate = evaluate_gate(state, SeedStage.FOSSILIZED, config)
    report = GateEvaluated(seed_id=state.seed_id, blueprint=state.blueprint, result=gate)
    if not gate.passed:
        return Change(state=state, events=(report,), refused=describe_failure(gate))
    entered, stage_changed = _enter(state, SeedStage.FOSSILIZED)
    fossilized = Fossilized(
        seed_id=state.seed_id,
        blueprint=state.blueprint,
        parameter_count=state.parameter_count,
        alpha=state.alpha.value,
        epochs_total=state.epochs_total,
        improvement=state.progress_since_germination,
        contribution=state.contribution,
    )
    return Change(state=entered, events=(report, stage_changed, fossilized))


def prune(state: SeedState, *, reason: str, initiator: PruneInitiator) -> Change:
    """Remove a live seed at once, whatever its alpha is doing. The module is freed and the slot begins its cooldown."""
    if state.stage not in LIVE_STAGES:
        return _refuse(state, f"a seed in {state.stage.name} cannot be pruned")
    entered, stage_changed = _enter(state, SeedStage.PRUNED)
    pruned_state = replace(
        entered,
        alpha=AlphaState.resting(),
        parameter_count=0,
        pending_prune_reason=None,
        interaction_sum=None,
        gradient=None,
        previous_gradient_health=None,
    )
    pruned = Pruned(
        seed_id=state.seed_id,
        blueprint=state.blueprint,
        reason=reason,
        initiator=initiator,
        epochs_total=state.epochs_total,
        improvement=state.progress_since_germination,
        contribution=state.contribution,
    )
    return Change(state=pruned_state, events=(stage_changed, pruned))


def schedule_prune(state: SeedState, *, steps: int, curve: AlphaCurve, steepness: float) -> Change:
    """Prune a live seed whose alpha is at rest, after alpha has ramped down to 0 over this many epochs.

    The prune happens at once if steps is 0, if alpha is 0 already, or before BLENDING. During the ramp the seed is in
    BLENDING with its parameters frozen, and tick() prunes it at the end.
    """
    if state.stage not in LIVE_STAGES:
        return _refuse(state, f"a seed in {state.stage.name} cannot be pruned")
    if state.alpha.mode is not AlphaMode.HOLD:
        return _refuse(state, "alpha is on a ramp: a prune has to wait until it rests")
    blended = state.stage in (SeedStage.BLENDING, SeedStage.HOLDING)
    if not blended or steps == 0 or state.alpha.value <= ALPHA_TOLERANCE:
        return prune(state, reason=POLICY_PRUNE, initiator=PruneInitiator.POLICY)
    change = _to_blending(state)
    assert change.state is not None
    ramp = retarget(change.state.alpha, target=0.0, steps=steps, curve=curve, steepness=steepness)
    falling = replace(change.state, alpha=ramp, pending_prune_reason=SCHEDULED_PRUNE)
    return Change(state=falling, events=change.events)


def set_alpha_target(
    state: SeedState,
    *,
    target: float,
    steps: int,
    curve: AlphaCurve,
    steepness: float,
    algorithm: AlphaAlgorithm,
) -> Change:
    """Send the resting alpha of a blended seed to a new target, above 0 and at most 1, perhaps with another blend.

    A seed in HOLDING returns to BLENDING if its alpha has to move. A ramp down freezes the seed's parameters.
    """
    assert 0.0 < target <= 1.0, "alpha target must lie above 0 and at most at 1; prune to go to 0"
    if state.stage not in (SeedStage.BLENDING, SeedStage.HOLDING):
        return _refuse(state, f"a seed in {state.stage.name} has no alpha to set")
    if state.alpha.mode is not AlphaMode.HOLD:
        return _refuse(state, "alpha is on a ramp: a new target has to wait until it rests")
    moves = abs(target - state.alpha.value) > ALPHA_TOLERANCE
    change = _to_blending(state) if moves else Change(state=state)
    assert change.state is not None
    ramp = retarget(change.state.alpha, target=target, steps=steps, curve=curve, steepness=steepness)
    return Change(
        state=replace(change.state, alpha=ramp, alpha_algorithm=algorithm),
        events=change.events,
    )


def tick(state: SeedState, config: GrowthConfig) -> Change:
    """One epoch of the clock, for every occupied slot, after the epoch's action was executed.

    First comes an automatic advance; a gate that stays closed here is not reported, because nobody asked for it.
    Then alpha takes its step, which prunes the seed if it ends at 0. The HOLDING timeout and the cooldown follow,
    and last both counters of age grow by one. An age is thus the number of epochs lived, and everything before
    reads the age without this tick.
    """
    events: list[LifecycleEvent] = []
    if _advances_by_itself(state.stage, config):
        change = advance(state, config)
        if change.refused is None:
            state = _take(change, events)
    state = _step_alpha(state, events)
    if _held_too_long(state, config):
        state = _take(prune(state, reason=HOLDING_TIMEOUT, initiator=PruneInitiator.TIMEOUT), events)
    while (following := _cooldown_edge(state, config)) is not None:
        state, stage_changed = _enter(state, following)
        events.append(stage_changed)
        if following is SeedStage.DORMANT:
            return Change(state=None, events=tuple(events))
    aged = replace(state, epochs_total=state.epochs_total + 1, epochs_in_stage=state.epochs_in_stage + 1)
    return Change(state=aged, events=tuple(events))


def _enter(state: SeedState, stage: SeedStage) -> tuple[SeedState, StageChanged]:
    """The one place where a stage changes."""
    assert is_legal_transition(state.stage, stage), (
        f"illegal transition {state.stage.name} to {stage.name} of seed {state.seed_id}"
    )
    event = StageChanged(
        seed_id=state.seed_id,
        blueprint=state.blueprint,
        from_stage=state.stage,
        to_stage=stage,
        alpha=state.alpha.value,
        accuracy_delta=state.improvement_since_stage_start,
        epochs_in_stage=state.epochs_in_stage,
    )
    blending_start = state.accuracy_at_blending_start
    entered = replace(
        state,
        stage=stage,
        previous_stage=state.stage,
        previous_epochs_in_stage=state.epochs_in_stage,
        epochs_in_stage=0,
        accuracy_at_stage_start=state.current_accuracy,
        accuracy_at_blending_start=(state.current_accuracy if stage is SeedStage.BLENDING else blending_start),
    )
    return entered, event


def _dormant(request: Germination) -> SeedState:
    return SeedState(
        seed_id=request.seed_id,
        blueprint=request.blueprint,
        style=request.style,
        stage=SeedStage.DORMANT,
        previous_stage=SeedStage.DORMANT,
        previous_epochs_in_stage=0,
        epochs_in_stage=0,
        epochs_total=0,
        parameter_count=request.parameter_count,
        tempo_epochs=request.tempo_epochs,
        alpha=AlphaState.resting(curve=request.curve),
        alpha_algorithm=request.algorithm,
        germination_alpha_target=request.alpha_target,
        pending_prune_reason=None,
        accuracy_at_germination=request.val_accuracy,
        accuracy_at_stage_start=request.val_accuracy,
        accuracy_at_blending_start=None,
        current_accuracy=request.val_accuracy,
        best_accuracy=request.val_accuracy,
        contribution=None,
        contribution_velocity=None,
        epochs_since_counterfactual=None,
        interaction_sum=None,
        gradient=None,
        previous_gradient_health=None,
    )


def _first_ramp(state: SeedState) -> AlphaState:
    return retarget(
        state.alpha,
        target=state.germination_alpha_target,
        steps=state.tempo_epochs,
        curve=STYLE_VALUES[state.style][0],
        steepness=DEFAULT_STEEPNESS,
    )


def _to_blending(state: SeedState) -> Change:
    if state.stage is SeedStage.BLENDING:
        return Change(state=state)
    entered, stage_changed = _enter(state, SeedStage.BLENDING)
    return Change(state=entered, events=(stage_changed,))


def _advances_by_itself(stage: SeedStage, config: GrowthConfig) -> bool:
    return (
        (stage is SeedStage.GERMINATED and config.auto_forward_g1)
        or (stage is SeedStage.TRAINING and config.auto_forward_g2)
        or (stage is SeedStage.BLENDING and config.auto_forward_g3)
    )


def _step_alpha(state: SeedState, events: list[LifecycleEvent]) -> SeedState:
    alpha = advance_alpha(state.alpha)
    if alpha is state.alpha:
        return state
    state = replace(state, alpha=alpha)
    if state.pending_prune_reason is None or alpha.mode is not AlphaMode.HOLD:
        return state
    return _take(prune(state, reason=state.pending_prune_reason, initiator=PruneInitiator.POLICY), events)


def _held_too_long(state: SeedState, config: GrowthConfig) -> bool:
    return (
        state.stage is SeedStage.HOLDING
        and config.holding_timeout > 0
        and state.epochs_in_stage >= config.holding_timeout
    )


def _cooldown_edge(state: SeedState, config: GrowthConfig) -> SeedStage | None:
    """The cooldown stage that is due now: EMBARGOED at once, RESETTING after the embargo, DORMANT one epoch later."""
    if state.stage is SeedStage.PRUNED:
        return SeedStage.EMBARGOED
    if state.stage is SeedStage.EMBARGOED and state.epochs_in_stage >= config.embargo_epochs:
        return SeedStage.RESETTING
    if state.stage is SeedStage.RESETTING and state.epochs_in_stage >= 1:
        return SeedStage.DORMANT
    return None


def _take(change: Change, events: list[LifecycleEvent]) -> SeedState:
    """Collect the events of a change that cannot be refused here, and return its state."""
    assert change.refused is None
    assert change.state is not None
    events.extend(change.events)
    return change.state


def _refuse(state: SeedState, reason: str) -> Change:
    return Change(state=state, refused=reason)
