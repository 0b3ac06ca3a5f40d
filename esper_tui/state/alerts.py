"""The reducer's alerts: raised when a limit is passed, resolved when the value is back within it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from esper.telemetry.events import AnomalyDetected, Severity
from esper_tui.state.rules import Level

HISTORY_LENGTH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When something happened: seconds since the Unix epoch, round and host epoch (None where there is none)."""

    time: float
    batch: int | None
    epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that needs attention, or did.

    key: equal for the same thing raised again.
    word: what it is, in one word; equal words are grouped.
    text: value and limit in words.
    rule: the metric of esper_tui/state/rules.py, or the name of the trainer's rule.
    position: how many events the reducer had seen; a replay goes there.
    resolved: None while it stands.
    by_trainer: the trainer's own alarm, not derived from figures by the cockpit.
    """

    key: str
    level: Level
    who: str
    word: str
    text: str
    rule: str
    env_id: int | None
    group_id: str | None
    raised: Moment
    position: int
    by_trainer: bool
    resolved: Moment | None = None


def _no_alerts() -> deque[Alert]:
    return deque(maxlen=HISTORY_LENGTH)


@dataclass(slots=True, kw_only=True)
class AlertBook:
    """standing: by key.
    over: the newest that are resolved, oldest first.
    """

    standing: dict[str, Alert] = field(default_factory=dict[str, Alert])
    over: deque[Alert] = field(default_factory=_no_alerts)
    raised: int = 0
    shown: tuple[Alert, ...] | None = None
    shown_over: tuple[Alert, ...] | None = None

    def copy(self) -> AlertBook:
        """An independent copy; alerts are immutable."""
        return replace(self, standing=dict(self.standing), over=deque(self.over, maxlen=HISTORY_LENGTH))

    def hold(self, alert: Alert) -> None:
        """An alert stands: raise it, or bring its words and level up to date if it stands already."""
        old = self.standing.get(alert.key)
        if old is not None and old.word == alert.word:
            if (old.text, old.level) == (alert.text, alert.level):
                return
            alert = replace(alert, raised=old.raised, position=old.position)
        else:
            self.raised += 1
        if old is not None and old.word != alert.word:
            self._close(replace(old, resolved=alert.raised))
        self.standing[alert.key] = alert
        self.shown = None

    def resolve(self, key: str, moment: Moment) -> None:
        """What the key names is back within its limits, or over."""
        alert = self.standing.pop(key, None)
        if alert is not None:
            self.shown = None
            self._close(replace(alert, resolved=moment))

    def resolve_alarms_before(self, batch: int, moment: Moment) -> None:
        """The trainer's alarms stand until the next round's figures; those of that round have come before them."""
        for key, alert in list(self.standing.items()):
            if alert.by_trainer and alert.raised.batch is not None and alert.raised.batch < batch:
                self.resolve(key, moment)

    def _close(self, alert: Alert) -> None:
        self.over.append(alert)
        self.shown_over = None

    def figures(self) -> tuple[Alert, ...]:
        """Standing alerts: the worst first, the trainer's before derived ones, then the newest."""
        if self.shown is None:
            order = sorted(self.standing.values(), key=lambda one: (-one.level, not one.by_trainer, -one.position))
            self.shown = tuple(order)
        return self.shown

    def history(self) -> tuple[Alert, ...]:
        """Resolved alerts, oldest first."""
        if self.shown_over is None:
            self.shown_over = tuple(self.over)
        return self.shown_over


def alarm_level(payload: AnomalyDetected) -> Level:
    """How the cockpit shows an alarm of the trainer."""
    return Level.CRITICAL if payload.severity is Severity.CRITICAL else Level.WARNING


def _figures(payload: AnomalyDetected) -> str:
    """The value and its limit, or what the alarm says in words if it has no figures."""
    if payload.value is None or payload.limit is None:
        return payload.detail
    return f"{payload.value:.3g}, limit {payload.limit:.3g}"


def trainer_alert(payload: AnomalyDetected, *, group_id: str, moment: Moment, position: int) -> Alert:
    """An alarm of the trainer as an alert."""
    who = "policy" if payload.env_id is None else f"env{payload.env_id:02d}"
    where = " ".join(part for part in (payload.slot_id, payload.head) if part is not None)
    word = payload.rule.replace("_", " ")
    return Alert(
        key=f"trainer/{group_id}/{payload.rule}/{payload.env_id}/{where}",
        level=alarm_level(payload),
        who=f"{who} {where}".strip(),
        word=word,
        text=_figures(payload),
        rule=payload.rule,
        env_id=payload.env_id,
        group_id=group_id,
        raised=replace(moment, batch=payload.batch),
        position=position,
        by_trainer=True,
    )
