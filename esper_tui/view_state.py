"""What the reader has set: the same on every screen, and no part of the run's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from esper_tui.sources.base import Frame
from esper_tui.state.alerts import Alert
from esper_tui.widgets.figure_panel import Focus


@dataclass(slots=True, kw_only=True)
class ViewState:
    """focus: what the reader is looking at.
    acknowledged: alerts, by key and the position at which they were raised.
    muted: rules whose alerts are not shown in the strip.
    marked: the positions of the bookmarks in a recording.
    """

    focus: Focus = field(default_factory=Focus)
    acknowledged: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    muted: set[str] = field(default_factory=set[str])
    marked: tuple[int, ...] = ()

    def look(self, focus: Focus) -> None:
        self.focus = focus

    def settle_on(self, frame: Frame) -> None:
        """Choose the first env once there are envs."""
        envs = frame.snapshot.envs
        if envs and self.focus.row(frame) is None:
            first = self.focus.order.sorted(envs)[0]
            self.focus = replace(self.focus, env_id=first.env_id)

    def loud_alerts(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Those of the strip: neither acknowledged nor muted."""
        return [alert for alert in alerts if not self.is_quiet(alert)]

    def is_quiet(self, alert: Alert) -> bool:
        return alert.rule in self.muted or (alert.key, alert.position) in self.acknowledged

    def acknowledge(self, alert: Alert) -> None:
        """Take an alert out of the strip until it is raised anew, or put it back."""
        self.acknowledged ^= {(alert.key, alert.position)}

    def mute(self, alert: Alert) -> None:
        """Take every alert of a rule out of the strip, or put them back."""
        self.muted ^= {alert.rule}
