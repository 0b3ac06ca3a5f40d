"""What a reward remembers between two steps of one env. Seeds are named by id, so nothing survives its seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowCredit:
    """Credit, in points, that ESCROW has paid for a live seed and takes back unless the seed is committed."""

    seed_id: str
    credit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DripPool:
    """BASIC_PLUS pays a fossilised seed scale times its contribution (points) each epoch."""

    seed_id: str
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Boost:
    """One row of the ledger: in epoch, the pair of scaffold and beneficiary brought points more than its parts."""

    scaffold: str
    beneficiary: str
    points: float
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardState:
    """Everything that one env's reward carries from step to step. Empty when an episode begins.

    boosts: rows for seeds that can still be committed.
    hindsight_due: credit earned by the last step's FOSSILIZE, paid on the next step.
    loss_unpaid: fall of the validation loss that the clip has held back; negative for a rise.
    """

    escrow: tuple[EscrowCredit, ...] = ()
    drips: tuple[DripPool, ...] = ()
    boosts: tuple[Boost, ...] = ()
    hindsight_due: float = 0.0
    loss_unpaid: float = 0.0

    def escrow_credit(self, seed_id: str) -> float:
        """What this seed has been paid in advance; 0 for a seed that is not in the book."""
        return sum(item.credit for item in self.escrow if item.seed_id == seed_id)

    def drip_scale(self, seed_id: str) -> float | None:
        """None: this seed has no drip pool."""
        return next((item.scale for item in self.drips if item.seed_id == seed_id), None)
