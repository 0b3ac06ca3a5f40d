"""The original's PPO updates, and its alarms."""

from __future__ import annotations

from typing import Final

from esper.contracts.actions import HEAD_NAMES, Op
from esper.history.legacy.book import Book
from esper.history.legacy.fields import Fields
from esper.history.legacy.lines import LegacyLine
from esper.telemetry.events import (
    AnomalyDetected,
    AnomalyType,
    HeadUpdate,
    NamedValue,
    ObservationStats,
    PPOUpdateCompleted,
    Severity,
)

_OP_VALUES: Final = {
    Op.WAIT: "q_wait",
    Op.GERMINATE: "q_germinate",
    Op.SET_ALPHA_TARGET: "q_set_alpha",
    Op.PRUNE: "q_prune",
    Op.FOSSILIZE: "q_fossilize",
    Op.ADVANCE: "q_advance",
}


def ppo_update_completed(line: LegacyLine, book: Book) -> PPOUpdateCompleted:
    """The figures of an update. The gradient's norm is that before clipping, as it is today."""
    data = line.data
    stop = data.maybe_integer("early_stop_epoch")
    return PPOUpdateCompleted(
        batch=book.group(line.group_id).batch,
        skipped=bool(data.maybe_flag("update_skipped") or data.maybe_flag("skipped")),
        skip_cause=None,
        policy_loss=data.number("policy_loss"),
        value_loss=data.number("value_loss"),
        entropy_loss=data.maybe_number("entropy_loss"),
        total_loss=None,
        entropy=data.number("entropy"),
        kl_divergence=data.number("kl_divergence"),
        clip_fraction=data.number("clip_fraction"),
        explained_variance=data.maybe_number("explained_variance"),
        ratio_max=data.maybe_number("ratio_max"),
        ratio_min=data.maybe_number("ratio_min"),
        gradient_norm=data.maybe_number("pre_clip_grad_norm"),
        learning_rate=data.maybe_number("lr"),
        entropy_coef=data.maybe_number("entropy_coef"),
        value_coef=None,
        entropy_floor_penalty=None,
        op_value_loss=data.maybe_number("q_aux_loss"),
        op_values=_op_values(data),
        contribution_error=None,
        advantage_mean=data.maybe_number("advantage_mean"),
        advantage_std=data.maybe_number("advantage_std"),
        return_mean=data.maybe_number("return_mean"),
        return_std=data.maybe_number("return_std"),
        value_mean=data.maybe_number("value_mean"),
        value_std=data.maybe_number("value_std"),
        epochs_run=None,
        early_stopped=stop is not None,
        update_time_ms=data.number("update_time_ms"),
        heads=tuple(_head(name, data) for name in HEAD_NAMES),
        observations=_UNSEEN,
    )


def _op_values(data: Fields) -> tuple[NamedValue, ...]:
    """The value of each op, as far as this version of the original recorded it."""
    values = ((op, data.maybe_number(name)) for op, name in _OP_VALUES.items())
    return tuple(NamedValue(name=op.name, value=value) for op, value in values if value is not None)


def _head(name: str, data: Fields) -> HeadUpdate:
    return HeadUpdate(
        head=name,
        entropy=data.maybe_number(f"head_{name}_entropy"),
        gradient_norm=data.maybe_number(f"head_{name}_grad_norm"),
        ratio_max=data.maybe_number(f"head_{name}_ratio_max"),
        clip_fraction=data.maybe_number(f"head_{name}_clip_fraction"),
        relevant_fraction=None,
    )


_UNSEEN: Final = ObservationStats(
    host_mean=None,
    host_std=None,
    slot_mean=None,
    slot_std=None,
    outlier_share=None,
    near_clip_share=None,
    clipped_share=None,
    non_finite_share=None,
    drift=None,
)
"""The original measures the observations of one env at each step and not those of a batch."""

_ANOMALIES: Final = {
    "RATIO_EXPLOSION_DETECTED": AnomalyType.RATIO_EXPLOSION,
    "RATIO_COLLAPSE_DETECTED": AnomalyType.RATIO_COLLAPSE,
    "VALUE_COLLAPSE_DETECTED": AnomalyType.VALUE_COLLAPSE,
    "NUMERICAL_INSTABILITY_DETECTED": AnomalyType.NUMERICAL_INSTABILITY,
    "GRADIENT_PATHOLOGY_DETECTED": AnomalyType.GRADIENT_PATHOLOGY,
    "GRADIENT_ANOMALY": AnomalyType.GRADIENT_PATHOLOGY,
}
ANOMALY_LABELS: Final = tuple(_ANOMALIES)


def update_anomaly(line: LegacyLine, book: Book) -> AnomalyDetected:
    """An alarm about an update. Its figures stand in the detail, in words."""
    data = line.data
    return _anomaly(
        line,
        book,
        _ANOMALIES[line.label],
        rule=data.maybe_text("anomaly_type") or line.label.lower(),
        detail=data.maybe_text("detail") or line.message,
    )


def performance_degradation(line: LegacyLine, book: Book) -> AnomalyDetected:
    """One env is worse than it was on average."""
    data, group = line.data, book.group(line.group_id)
    now, mean = data.number("current_acc"), data.number("rolling_avg_acc")
    return _anomaly(
        line,
        book,
        AnomalyType.PERFORMANCE_DEGRADATION,
        value=data.number("drop_percent"),
        limit=data.number("threshold_percent"),
        detail=f"accuracy {now:.1f} %, rolling mean {mean:.1f} %",
        env_id=group.first_env + data.integer("env_id"),
    )


def memory_warning(line: LegacyLine, book: Book) -> AnomalyDetected:
    """The memory of the device is nearly used up."""
    data = line.data
    used, total = data.number("gpu_allocated_gb"), data.number("gpu_total_gb")
    return _anomaly(
        line,
        book,
        AnomalyType.MEMORY,
        value=data.number("gpu_utilization"),
        limit=data.number("threshold"),
        detail=f"{used:.1f} of {total:.1f} GB are in use",
    )


def reward_hacking_suspected(line: LegacyLine, book: Book) -> AnomalyDetected:
    """A seed earns more than it brings."""
    data = line.data
    contribution, improvement = data.number("seed_contribution"), data.number("total_improvement")
    return _anomaly(
        line,
        book,
        AnomalyType.REWARD_HACKING,
        rule=data.text("pattern"),
        value=data.maybe_number("ratio"),
        limit=data.maybe_number("threshold"),
        detail=f"contribution {contribution:.2f}, improvement {improvement:.2f} points",
        slot_id=data.maybe_text("slot_id"),
    )


def _anomaly(
    line: LegacyLine,
    book: Book,
    anomaly: AnomalyType,
    *,
    detail: str,
    rule: str | None = None,
    value: float | None = None,
    limit: float | None = None,
    env_id: int | None = None,
    slot_id: str | None = None,
) -> AnomalyDetected:
    """rule: the anomaly's name if the original has no name for the rule."""
    grave = line.severity in (Severity.ERROR, Severity.CRITICAL)
    return AnomalyDetected(
        anomaly=anomaly,
        rule=anomaly.value if rule is None else rule,
        severity=Severity.CRITICAL if grave else Severity.WARNING,
        batch=book.group(line.group_id).batch,
        value=value,
        limit=limit,
        detail=detail,
        epoch=None,
        env_id=env_id,
        slot_id=slot_id,
        head=None,
    )
