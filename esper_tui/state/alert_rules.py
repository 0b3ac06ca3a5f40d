"""Which alerts follow from an env's judgement, a policy's update and the run's end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esper.telemetry.events import PPOUpdateCompleted, TrainingEnded
from esper_tui.state.alerts import Alert, Moment
from esper_tui.state.env_status import Judgement
from esper_tui.state.metrics import POLICY_METRICS, format_number
from esper_tui.state.rules import Level, judge


def env_alert(env_id: int, judgement: Judgement, *, moment: Moment, position: int) -> Alert | None:
    """The alert that an env deserves; None if it is fine."""
    if judgement.level is Level.FINE:
        return None
    return Alert(
        key=f"env/{env_id}",
        level=judgement.level,
        who=f"env{env_id:02d}",
        word=judgement.status.value,
        text=judgement.text,
        rule=judgement.rule,
        env_id=env_id,
        group_id=None,
        raised=moment,
        position=position,
        by_trainer=False,
    )


def policy_alerts(
    updates: Sequence[PPOUpdateCompleted], group_id: str, name: str, *, moment: Moment, position: int
) -> Iterator[tuple[str, Alert | None]]:
    """For each figure of the newest update its key, and the alert if it is beyond its limits.

    name: of the group.
    """
    newest, first = updates[-1], updates[0]
    for entry in POLICY_METRICS:
        metric, value = entry.metric, entry.read(newest)
        key = f"policy/{group_id}/{metric.name}"
        verdict = judge(metric.name, value, reference=entry.read(first) or 0.0, samples=len(updates))
        if verdict.level is Level.FINE:
            yield key, None
            continue
        limit = "" if verdict.limit is None else f" {verdict.words[4:]}"
        yield (
            key,
            Alert(
                key=key,
                level=verdict.level,
                who=f"{name} policy".strip(),
                word=metric.label,
                text=f"{format_number(value, metric.decimals, signed=metric.signed)}{limit}",
                rule=metric.name,
                env_id=None,
                group_id=group_id,
                raised=moment,
                position=position,
                by_trainer=False,
            ),
        )


def failure_alert(payload: TrainingEnded, *, moment: Moment, position: int) -> Alert:
    """A run that failed."""
    return Alert(
        key="run/failed",
        level=Level.CRITICAL,
        who="run",
        word="FAILED",
        text=payload.error or "no reason was recorded",
        rule="run",
        env_id=None,
        group_id=None,
        raised=moment,
        position=position,
        by_trainer=True,
    )
