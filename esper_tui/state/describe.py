"""The words of the event log: one line of text per event that deserves one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.telemetry.events import (
    AlgorithmChosen,
    AnomalyDetected,
    BatchStats,
    EpisodeOutcome,
    GovernorRollback,
    LastAction,
    OperatorAct,
    OperatorOrdered,
    OutcomeType,
    Payload,
    PPOUpdateCompleted,
    RunEnd,
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
    SinkDetached,
    TrainingEnded,
    TrainingStarted,
    Trend,
    TrendDetected,
)
from esper_tui.state.alerts import alarm_level
from esper_tui.state.metrics import format_count, format_duration, format_number
from esper_tui.state.rules import Level

TOLD_ELSEWHERE: Final = frozenset(
    {SeedStage.GERMINATED, SeedStage.FOSSILIZED, SeedStage.DORMANT, *COOLDOWN_STAGES},
)
"""Entering these stages has an event of its own, or is what always follows a prune."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A log line without its time and place."""

    word: str
    text: str
    level: Level = Level.FINE


def describe(payload: Payload) -> Description | None:
    """The log's words for an event; None for step events, which the log folds into a count."""
    match payload:
        case TrainingStarted():
            rounds = payload.max_batches - payload.start_batch + 1
            text = f"{payload.task}: {payload.n_envs} envs × {payload.max_epochs} epochs, {rounds} rounds, "
            return Description(word="start", text=text + f"seed {payload.seed}, {payload.device}")
        case TrainingEnded():
            return _ended(payload)
        case SinkDetached():
            text = f"{payload.sink} failed, training goes on without it: {payload.reason}"
            return Description(word="sink", text=text, level=Level.WARNING)
        case AlgorithmChosen():
            return Description(word="algorithm", text=_algorithm(payload))
        case SeedGerminated() | SeedStageChanged() | SeedGateEvaluated() | SeedFossilized() | SeedPruned():
            return _lifecycle(payload)
        case LastAction():
            return _action(payload)
        case OperatorOrdered():
            return _ordered(payload)
        case EpisodeOutcome():
            return _outcome(payload)
        case GovernorRollback():
            return _rollback(payload)
        case PPOUpdateCompleted():
            return _update(payload)
        case AnomalyDetected():
            return _anomaly(payload)
        case TrendDetected():
            return _trend(payload)
        case BatchStats():
            return _round(payload)
        case _:
            return None


def _algorithm(payload: AlgorithmChosen) -> str:
    times = [f"{one.algorithm} {one.milliseconds:.1f} ms" for one in payload.candidates if one.milliseconds is not None]
    return f"{payload.algorithm} ({payload.source}{': ' if times else ''}{', '.join(times)})"


def _ended(payload: TrainingEnded) -> Description:
    text = f"{payload.batches_completed} rounds in {format_duration(payload.wall_seconds)}"
    if payload.end is RunEnd.FAILED:
        return Description(word="FAILED", text=f"{payload.error or 'no reason was recorded'}", level=Level.CRITICAL)
    return Description(word=payload.end.value, text=f"{text}, by {payload.signal}" if payload.signal else text)


def _lifecycle(
    payload: SeedGerminated | SeedStageChanged | SeedGateEvaluated | SeedFossilized | SeedPruned,
) -> Description | None:
    match payload:
        case SeedGerminated():
            text = f"{payload.slot_id} {payload.blueprint.lower()} +{format_count(payload.params)} params"
            return Description(word="grow", text=f"{text}, ramp {payload.tempo_epochs} epochs")
        case SeedStageChanged():
            if payload.to_stage in TOLD_ELSEWHERE:
                return None
            stages = f"{payload.from_stage.name.lower()} → {payload.to_stage.name.lower()}"
            return Description(word="stage", text=f"{payload.slot_id} {payload.blueprint.lower()} {stages}")
        case SeedGateEvaluated():
            return None if payload.passed else _gate(payload)
        case SeedFossilized():
            gain = format_number(payload.improvement, 1, signed=True)
            text = f"{payload.slot_id} {payload.blueprint.lower()} kept, {gain} points, "
            return Description(word="KEPT", text=text + f"{payload.epochs_total} epochs old")
        case SeedPruned():
            gain = format_number(payload.improvement, 1, signed=True)
            text = f"{payload.slot_id} {payload.blueprint.lower()} by {payload.initiator.value}"
            return Description(word="prune", text=f"{text}, {gain} points: {payload.reason}")


def _gate(payload: SeedGateEvaluated) -> Description:
    target = payload.target_stage.name.lower()
    passed = sum(check.passed for check in payload.checks)
    failed = ", ".join(check.name for check in payload.checks if not check.passed)
    text = f"{payload.slot_id} {payload.gate.name} to {target} not passed, {passed}/{len(payload.checks)}: {failed}"
    return Description(word="gate", text=text)


def _ordered(payload: OperatorOrdered) -> Description:
    where = "" if payload.slot_id is None else f" {payload.slot_id}"
    module = f" {payload.ordered_blueprint.name.lower()}" if payload.ordered_op is Op.GERMINATE else ""
    times = f", {payload.epochs} times" if payload.epochs > 1 else ""
    return Description(word="ordered", text=f"by the operator: {payload.ordered_op.name.lower()}{where}{module}{times}")


def _operator_words(payload: LastAction, act: OperatorAct) -> Description:
    where = "" if act.slot_id is None else f" {act.slot_id}"
    ordered = f"{act.op.lower()}{where}"
    if act.refused is not None:
        return Description(word="OPERATOR", text=f"{ordered} refused: {act.refused}", level=Level.WARNING)
    outcome = "" if payload.success else f", refused: {payload.refusal or 'no reason recorded'}"
    return Description(word="OPERATOR", text=f"{ordered}, not {act.policy_op.lower()} of the policy{outcome}")


def _action(payload: LastAction) -> Description | None:
    if payload.operator is not None:
        return _operator_words(payload, payload.operator)
    if not payload.success:
        return Description(
            word="refused", text=f"{payload.slot_id} {payload.op.lower()}: {payload.refusal or 'no reason recorded'}"
        )
    if payload.effective_op == "SET_ALPHA_TARGET":
        target = next((head.choice.lower() for head in payload.heads if head.head == "alpha_target"), "?")
        return Description(word="alpha", text=f"{payload.slot_id} target {target}")
    return None


def _outcome(payload: EpisodeOutcome) -> Description:
    kept = f"{payload.num_contributing_fossilized}/{payload.num_fossilized} kept seeds help"
    text = f"{payload.outcome.value} {payload.final_accuracy:.1f}% (best {payload.best_accuracy:.1f}), "
    text += f"return {format_number(payload.episode_reward, 2, signed=True)}, ×{payload.param_ratio:.2f}, {kept}"
    rolled_back = payload.outcome is OutcomeType.ROLLBACK
    return Description(word="episode", text=text, level=Level.WARNING if rolled_back else Level.FINE)


def _rollback(payload: GovernorRollback) -> Description:
    limit = f" > {payload.threshold:.3g}" if payload.threshold is not None else ""
    pruned = f", pruned {' '.join(payload.pruned_slots)}" if payload.pruned_slots else ""
    back = "" if payload.restored_epoch is None else f", back to epoch {payload.restored_epoch}"
    text = f"{payload.reason}: loss {format_number(payload.loss, 2)}{limit}{back}"
    return Description(word="ROLLBACK", text=text + pruned, level=Level.CRITICAL)


def _anomaly(payload: AnomalyDetected) -> Description:
    where = "".join(f"{part} " for part in (payload.slot_id, payload.head) if part is not None)
    figures = ""
    if payload.value is not None and payload.limit is not None:
        figures = f" {payload.value:.4g}, limit {payload.limit:.4g}"
    text = f"{where}{payload.rule}{figures}: {payload.detail}"
    return Description(word=payload.anomaly.value.replace("_", " "), text=text, level=alarm_level(payload))


def _update(payload: PPOUpdateCompleted) -> Description:
    if payload.skipped:
        return Description(word="update", text="SKIPPED: the loss was not finite", level=Level.CRITICAL)
    passes = "" if payload.epochs_run is None else f" after {payload.epochs_run} passes"
    stop = f", stopped early{passes}" if payload.early_stopped else ""
    text = f"{payload.update_time_ms:.0f} ms, entropy {format_number(payload.entropy, 3)}, "
    return Description(word="update", text=text + f"KL {format_number(payload.kl_divergence, 4)}{stop}")


def _trend(payload: TrendDetected) -> Description:
    delta = format_number(payload.rolling_delta, 1, signed=True)
    text = f"rolling accuracy {payload.rolling_accuracy:.1f} ({delta})"
    worse = payload.trend is Trend.DEGRADATION
    return Description(word=payload.trend.value, text=text, level=Level.WARNING if worse else Level.FINE)


def _round(payload: BatchStats) -> Description:
    text = f"accuracy {payload.avg_accuracy:.1f} (rolling {payload.rolling_avg_accuracy:.1f}), "
    text += f"return {format_number(payload.avg_return, 2, signed=True)}, "
    text += f"{payload.seeds_created} grown {payload.seeds_fossilized} kept {payload.seeds_pruned} pruned"
    return Description(word="round", text=text)
