"""Counts over one batch: ops, masks and reward terms."""

from __future__ import annotations

from collections import Counter

from esper.contracts.actions import HEAD_NAMES, Op
from esper.rewards.types import RewardComponents
from esper.telemetry.events import ActionDistribution, HeadMaskRate, MaskHitRates, NamedValue, OpCount
from esper.training.vectorized_types import ActionMaskFlags


class BatchTallies:
    """Adds up what the envs did in one batch."""

    def __init__(self) -> None:
        self._chosen: Counter[Op] = Counter()
        self._succeeded: Counter[Op] = Counter()
        self._masked: Counter[str] = Counter()
        self._terms: dict[str, float] = {}
        self._decisions = 0
        self.germinated = 0
        self.fossilized = 0
        self.pruned = 0
        self.rollbacks = 0

    def count_decision(self, op: Op, *, success: bool, flags: ActionMaskFlags, components: RewardComponents) -> None:
        """Add one env's decision of one epoch."""
        self._decisions += 1
        self._chosen[op] += 1
        self._succeeded[op] += success
        self._masked.update(name for name, masked in zip(HEAD_NAMES, flags.in_order(), strict=True) if masked)
        for term in components.terms:
            self._terms[term.name] = self._terms.get(term.name, 0.0) + term.value

    def add(self, other: BatchTallies) -> None:
        """Add what other envs did in the same batch."""
        self._chosen.update(other._chosen)
        self._succeeded.update(other._succeeded)
        self._masked.update(other._masked)
        for name, value in other._terms.items():
            self._terms[name] = self._terms.get(name, 0.0) + value
        self._decisions += other._decisions
        self.germinated += other.germinated
        self.fossilized += other.fossilized
        self.pruned += other.pruned
        self.rollbacks += other.rollbacks

    def action_distribution(self, batch: int) -> ActionDistribution:
        """How often each op was chosen, and how often it was carried out."""
        return ActionDistribution(
            batch=batch,
            ops=tuple(OpCount(op=op.name, chosen=self._chosen[op], succeeded=self._succeeded[op]) for op in Op),
        )

    def mask_hit_rates(self, batch: int) -> MaskHitRates:
        """How often the mask left each head fewer than all of its choices."""
        return MaskHitRates(
            batch=batch,
            heads=tuple(
                HeadMaskRate(
                    head=name,
                    decisions=self._decisions,
                    masked_decisions=self._masked[name],
                    rate=self._masked[name] / self._decisions if self._decisions else None,
                )
                for name in HEAD_NAMES
            ),
        )

    def mean_reward_terms(self) -> tuple[NamedValue, ...]:
        """The mean of each reward term per decision, in the order in which the terms first appeared."""
        # Without a decision there is no term, so nothing is divided by zero.
        return tuple(NamedValue(name=name, value=total / self._decisions) for name, total in self._terms.items())
