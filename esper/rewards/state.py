"""What a reward remembers from one step of an env to the next. Seeds are named by id, so nothing outlives its seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowCredit:
    """The credit, in points, that ESCROW has paid for a live seed and takes back unless the seed is committed."""

    seed_id: str
    credit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DripPool:
    """In each epoch, BASIC_PLUS pays a fossilised seed scale times its contribution in points."""

    seed_id: str
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """One row of the ledger: how many points more a pair of seeds contributed in an epoch than its parts."""

    scaffold: str
    beneficiary: str
    points: float
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardState:
    """Everything that one env's reward carries from step to step. Empty when an episode begins.

    boosts: the ledger's rows for seeds that can still be committed.
    hindsight_due: the credit that the last step's FOSSILIZE has earned, to be paid in the next step.
    loss_unpaid: the fall of the validation loss that the clip has held back; negative for a rise.
    """

    escrow: tuple[EscrowCredit, ...] = ()
    drips: tuple[DripPool, ...] = ()
    boosts: tuple[Boost, ...] = ()
    hindsight_due: float = 0.0
    loss_unpaid: float = 0.0

    def escrow_credit(self, seed_id: str) -> float:
        """What this seed has been paid in advance; 0 for a seed that is not listed."""
        return sum(item.credit for item in self.escrow if item.seed_id == seed_id)

    def drip_scale(self, seed_id: str) -> float | None:
        """The scale of this seed's drip pool, or None if it has none."""
        return next((item.scale for item in self.drips if item.seed_id == seed_id), None)
