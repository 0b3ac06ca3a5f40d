"""The reducer's state of one policy group: its updates, rounds, learning curve and ops."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from esper.telemetry.events import BatchStats, EpisodeOutcome, PPOUpdateCompleted
from esper_tui.state.op_counts import OpCounts
from esper_tui.state.round_curve import RoundCurve
from esper_tui.state.snapshot import GroupFigures

UPDATES_KEPT: Final = 64


def _no_updates() -> deque[PPOUpdateCompleted]:
    return deque(maxlen=UPDATES_KEPT)


@dataclass(slots=True, kw_only=True)
class GroupState:
    group_id: str
    updates: deque[PPOUpdateCompleted] = field(default_factory=_no_updates)
    rounds: list[BatchStats] = field(default_factory=list[BatchStats])
    curve: RoundCurve = field(default_factory=RoundCurve)
    ops: OpCounts = field(default_factory=OpCounts)
    returns_of: int | None = None
    returns: tuple[float, ...] = ()

    def copy(self) -> GroupState:
        """An independent copy; immutable parts are shared."""
        return replace(
            self,
            updates=deque(self.updates, maxlen=UPDATES_KEPT),
            rounds=list(self.rounds),
            curve=self.curve.copy(),
            ops=self.ops.copy(),
        )

    def add_outcome(self, payload: EpisodeOutcome) -> None:
        """Keep the returns of the newest round of which an episode is over."""
        if payload.batch != self.returns_of:
            self.returns_of, self.returns = payload.batch, ()
        self.returns = (*self.returns, payload.episode_reward)

    def figures(self) -> GroupFigures:
        """What the screen shows of it now."""
        return GroupFigures(
            group_id=self.group_id,
            updates=tuple(self.updates),
            rounds=tuple(self.rounds),
            curve=self.curve.current_points(),
            previous_curve=self.curve.previous,
            ops=self.ops.shares(),
            returns=self.returns,
        )
