"""Gates: the checks that a seed must pass to enter its next stage, and what a gate reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from esper.contracts.stages import SeedStage


class Gate(IntEnum):
    """One gate per stage that is entered through checks. Value 4 is unused."""

    G0 = 0
    G1 = 1
    G2 = 2
    G3 = 3
    G5 = 5


GATE_FOR_TARGET: Final[dict[SeedStage, Gate]] = {
    SeedStage.GERMINATED: Gate.G0,
    SeedStage.TRAINING: Gate.G1,
    SeedStage.BLENDING: Gate.G2,
    SeedStage.HOLDING: Gate.G3,
    SeedStage.FOSSILIZED: Gate.G5,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One comparison that a gate made.

        value: the quantity, or None if it was not measured; such a check fails.
    threshold: None for a check that does not compare with a number.
    """

    name: str
    value: float | None
    threshold: float | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """Every check of one gate, whether it passed or not, and the gate's score between 0 and 1."""

    gate: Gate
    target_stage: SeedStage
    passed: bool
    score: float
    checks: tuple[GateCheck, ...]

    @property
    def failed_checks(self) -> tuple[GateCheck, ...]:
        return tuple(check for check in self.checks if not check.passed)
