"""From what happened in the trainer to telemetry payloads: pure translation, which measures and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Final

from esper.contracts.actions import Head, Op, choice_name
from esper.contracts.counterfactual import AblationStrategy, CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.fleet.autotune import AlgorithmChoice
from esper.growth.lifecycle.events import Fossilized, GateEvaluated, Germinated, LifecycleEvent, Pruned, StageChanged
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.acting import Decision, HeadDecision
from esper.policy.legal import OpLegality, op_legality
from esper.telemetry.events import (
    AblationConfig,
    AlgorithmChosen,
    AlgorithmTime,
    Alternative,
    CounterfactualMatrixComputed,
    HeadChoice,
    LastAction,
    NamedValue,
    OpMask,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SlotSnapshot,
)
from esper.training.garden import SlotEvent
from esper.training.vectorized_types import ActionOutcome, ActionSpec

SeedPayload = SeedGerminated | SeedStageChanged | SeedGateEvaluated | SeedFossilized | SeedPruned

_SEED_PAYLOADS: Final[dict[type[LifecycleEvent], type[SeedPayload]]] = {
    Germinated: SeedGerminated,
    StageChanged: SeedStageChanged,
    GateEvaluated: SeedGateEvaluated,
    Fossilized: SeedFossilized,
    Pruned: SeedPruned,
}
_ELSEWHERE: Final[dict[str, str]] = {
    "blueprint": "blueprint.name",
    "params": "parameter_count",
    "params_added": "parameter_count",
    "gate": "result.gate",
    "target_stage": "result.target_stage",
    "passed": "result.passed",
    "score": "result.score",
    "checks": "result.checks",
}
"""Where a lifecycle event has a field of its payload. Fields that are not listed have the same name in both."""

_READERS: Final = {
    payload: {
        field.name: attrgetter(_ELSEWHERE.get(field.name, field.name))
        for field in fields(payload)
        if field.name not in ("env_id", "slot_id")
    }
    for payload in _SEED_PAYLOADS.values()
}


def seed_payload(env_id: int, slot_ids: Sequence[str], happened: SlotEvent) -> SeedPayload:
    """The telemetry payload of one lifecycle event, with the env and slot in which it took place."""
    kind = _SEED_PAYLOADS[type(happened.event)]
    values = {name: read(happened.event) for name, read in _READERS[kind].items()}
    if "blueprint" in values:
        values["blueprint"] = values["blueprint"].lower()
    return kind(env_id=env_id, slot_id=slot_ids[happened.slot], **values)


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

    strategy: the configured strategy.
    compute_ms: the duration of the fleet's whole pass.
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
    view: GardenView,
    env_id: int,
    batch: int,
    epoch: int,
    slot_ids: Sequence[str],
) -> LastAction:
    """One env's decision of one epoch, with its outcome.

    view: the env as it was before the decision.
    """
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
        op_masks=tuple(_op_mask(legality) for legality in op_legality(view)),
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


def _op_mask(legality: OpLegality) -> OpMask:
    reasons = tuple(None if refused is None else refused.reason for refused in legality.refusals)
    return OpMask(op=legality.op.name, slots=reasons, gate=legality.gate_words)


def _op_values(decision: Decision) -> tuple[NamedValue, ...]:
    """One value per op, or nothing if the controller has no critic."""
    if not decision.op_values:
        return ()
    return tuple(NamedValue(name=op.name, value=value) for op, value in zip(Op, decision.op_values, strict=True))


def _head_choice(head: HeadDecision, slot_ids: tuple[str, ...]) -> HeadChoice:
    return HeadChoice(
        head=head.head.name.lower(),
        choice=_choice_word(head.head, head.choice, slot_ids),
        probability=head.probability,
        entropy=head.entropy,
        second=None if head.second is None else _choice_word(head.head, head.second, slot_ids),
        second_probability=head.second_probability,
        legal=head.legal,
        size=head.size,
        masked=head.masked,
        relevant=head.relevant,
    )


def _choice_word(head: Head, choice: int, slot_ids: tuple[str, ...]) -> str:
    name = choice_name(head, choice, slot_ids)
    return name if head is Head.OP else name.lower()
