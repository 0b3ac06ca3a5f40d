"""Two policy groups of a run compared env by env: env k of both had the same host, data and randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from esper.telemetry.events import EpisodeOutcome, GroupStarted
from esper_tui.state.attribution import Moments, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRound:
    """The final accuracies of a round, second group minus first, in points.

    first, second: the groups.
    difference: over the pairs of envs; None if no pair finished.
    """

    batch: int
    first: str
    second: str
    difference: Spread | None


@dataclass(slots=True, kw_only=True)
class PairBook:
    """finals: the final accuracy of each env in the round that goes on."""

    finals: dict[int, float] = field(default_factory=dict[int, float])
    rounds: list[PairedRound] = field(default_factory=list[PairedRound])

    def copy(self) -> PairBook:
        return replace(self, finals=dict(self.finals), rounds=list(self.rounds))

    def end_episode(self, payload: EpisodeOutcome) -> None:
        self.finals[payload.env_id] = payload.final_accuracy

    def end_round(self, batch: int, groups: Sequence[GroupStarted]) -> None:
        """Compare the first two groups; there is nothing to compare in a run with one."""
        if len(groups) > 1:
            moments = Moments()
            first, second = groups[:2]
            for one, other in zip(first.env_ids, second.env_ids, strict=False):  # A log may say anything.
                if one in self.finals and other in self.finals:
                    moments = moments.plus(self.finals[other] - self.finals[one])
            self.rounds.append(
                PairedRound(batch=batch, first=first.group_id, second=second.group_id, difference=moments.spread())
            )
        self.finals.clear()
