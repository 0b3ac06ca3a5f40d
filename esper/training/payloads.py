"""From what happened in the trainer to telemetry payloads. Pure translation; nothing is measured or decided here."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Head, Op, choice_name
from esper.contracts.counterfactual import AblationStrategy, CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.fleet.autotune import AlgorithmChoice
from esper.growth.lifecycle.events import Fossilized, GateEvaluated, Germinated, Pruned, StageChanged
from esper.policy.acting import Decision, HeadDecision
from esper.telemetry.events import (
    AblationConfig,
    AlgorithmChosen,
    AlgorithmTime,
    Alternative,
    CounterfactualMatrixComputed,
    HeadChoice,
    LastAction,
    NamedValue,
    Payload,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
)
from esper.training.garden import SlotEvent
from esper.training.vectorized_types import ActionOutcome, ActionSpec


def seed_payload(env_id: int, slot_ids: Sequence[str], happened: SlotEvent) -> Payload:
    """The telemetry payload of one lifecycle event, with the env and slot in which it took place."""
    slot_id, event = slot_ids[happened.slot], happened.event
    match event:
        case Germinated():
            return SeedGerminated(
                env_id=env_id,
                slot_id=slot_id,
                seed_id=event.seed_id,
                blueprint=event.blueprint.name.lower(),
                params=event.parameter_count,
                tempo_epochs=event.tempo_epochs,
                alpha_target=event.alpha_target,
                alpha_algorithm=event.alpha_algorithm,
                alpha_curve=event.alpha_curve,
            )
        case StageChanged():
            return SeedStageChanged(
                env_id=env_id,
                slot_id=slot_id,
                seed_id=event.seed_id,
                blueprint=event.blueprint.name.lower(),
                from_stage=event.from_stage,
                to_stage=event.to_stage,
                alpha=event.alpha,
                accuracy_delta=event.accuracy_delta,
                epochs_in_stage=event.epochs_in_stage,
            )
        case GateEvaluated():
            return SeedGateEvaluated(
                env_id=env_id,
                slot_id=slot_id,
                seed_id=event.seed_id,
                gate=event.result.gate,
                target_stage=event.result.target_stage,
                passed=event.result.passed,
                score=event.result.score,
                checks=event.result.checks,
            )
        case Fossilized():
            return SeedFossilized(
                env_id=env_id,
                slot_id=slot_id,
                seed_id=event.seed_id,
                blueprint=event.blueprint.name.lower(),
                params_added=event.parameter_count,
                alpha=event.alpha,
                epochs_total=event.epochs_total,
                improvement=event.improvement,
                contribution=event.contribution,
            )
        case Pruned():
            return SeedPruned(
                env_id=env_id,
                slot_id=slot_id,
                seed_id=event.seed_id,
                blueprint=event.blueprint.name.lower(),
                reason=event.reason,
                initiator=event.initiator,
                epochs_total=event.epochs_total,
                improvement=event.improvement,
                contribution=event.contribution,
            )


def slot_snapshots(infos: Sequence[SeedInfo | None]) -> tuple[SlotSnapshot, ...]:
    """The occupied slots of one env, in slot order."""
    return tuple(_slot_snapshot(info) for info in infos if info is not None)


def _slot_snapshot(info: SeedInfo) -> SlotSnapshot:
    gradient = info.gradient
    return SlotSnapshot(
        slot_id=info.slot_id,
        seed_id=info.seed_id,
        stage=info.stage,
        blueprint=info.blueprint.name.lower(),
        params=info.parameter_count,
        epochs_in_stage=info.epochs_in_stage,
        epochs_total=info.epochs_total,
        alpha=info.alpha,
        alpha_target=info.alpha_target,
        alpha_mode=info.alpha_mode,
        improvement=info.progress_since_germination,
        contribution=info.contribution,
        contribution_velocity=info.contribution_velocity,
        gradient_norm=None if gradient is None else gradient.norm,
        gradient_health=None if gradient is None else gradient.health,
        gradient_ratio=None if gradient is None else gradient.ratio,
    )


def counterfactual_payload(
    matrix: CounterfactualMatrix,
    *,
    env_id: int,
    batch: int,
    epoch: int,
    slot_ids: tuple[str, ...],
    strategy: AblationStrategy,
    compute_ms: float,
) -> CounterfactualMatrixComputed:
    """Every ablation of one env in one epoch.

    strategy: the configured one.
    compute_ms: of the fleet's whole pass.
    """
    return CounterfactualMatrixComputed(
        env_id=env_id,
        batch=batch,
        epoch=epoch,
        slot_ids=slot_ids,
        active=matrix.active,
        committed=matrix.committed,
        configs=tuple(AblationConfig(slots_on=item.slots_on, accuracy=item.accuracy) for item in matrix.measurements),
        strategy="full_factorial" if matrix.is_full_factorial else strategy,
        shapley=matrix.shapley(),
        compute_ms=compute_ms,
    )


def algorithm_chosen(choice: AlgorithmChoice) -> AlgorithmChosen:
    """How the fleet's layers compute, as an event."""
    times = tuple(AlgorithmTime(algorithm=one.algorithm, milliseconds=one.milliseconds) for one in choice.candidates)
    return AlgorithmChosen(algorithm=choice.algorithm, source=choice.source, shape=choice.shape, candidates=times)


def last_action_payload(
    decision: Decision,
    spec: ActionSpec,
    outcome: ActionOutcome,
    *,
    env_id: int,
    batch: int,
    epoch: int,
    slot_ids: Sequence[str],
) -> LastAction:
    """One env's decision of one epoch, with its outcome."""
    components = outcome.reward_components
    assert components is not None, "a decision is reported after it was paid"
    return LastAction(
        env_id=env_id,
        batch=batch,
        epoch=epoch,
        op=spec.op.name,
        effective_op=spec.action_for_reward.name,
        slot_id=spec.target_slot,
        success=outcome.action_success,
        refusal=outcome.refusal,
        heads=tuple(_head_choice(head, tuple(slot_ids)) for head in decision.heads),
        legal_ops=tuple(op.name for op in decision.legal_ops),
        alternatives=tuple(
            Alternative(op=item.op.name, probability=item.probability) for item in decision.alternatives
        ),
        decision_entropy=decision.entropy,
        value_estimate=decision.value,
        op_values=_op_values(decision),
        reward=outcome.reward_raw,
        reward_normalized=outcome.reward_normalized,
        episode_reward=outcome.episode_reward,
        reward_terms=tuple(NamedValue(name=term.name, value=term.value) for term in components.terms),
    )


def _op_values(decision: Decision) -> tuple[NamedValue, ...]:
    """One value per op, or nothing from a controller without a critic."""
    if not decision.op_values:
        return ()
    return tuple(NamedValue(name=op.name, value=value) for op, value in zip(Op, decision.op_values, strict=True))


def _head_choice(head: HeadDecision, slot_ids: tuple[str, ...]) -> HeadChoice:
    name = choice_name(head.head, head.choice, slot_ids)
    return HeadChoice(
        head=head.head.name.lower(),
        choice=name if head.head is Head.OP else name.lower(),
        probability=head.probability,
        entropy=head.entropy,
        legal=head.legal,
        size=head.size,
        masked=head.masked,
        relevant=head.relevant,
    )
