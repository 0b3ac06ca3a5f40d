"""The reducer's tally of ops: chosen and refused, in this round and in the run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from esper.contracts.actions import Op
from esper.telemetry.events import LastAction
from esper_tui.state.snapshot import OpShare


@dataclass(slots=True, kw_only=True)
class OpCounts:
    """in_round is emptied when the first epoch of another round arrives."""

    batch: int | None = None
    in_round: Counter[str] = field(default_factory=Counter[str])
    in_run: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])

    def copy(self) -> OpCounts:
        return replace(self, in_round=self.in_round.copy(), in_run=self.in_run.copy(), refused=self.refused.copy())

    def enter_round(self, batch: int) -> None:
        if batch != self.batch:
            self.batch = batch
            self.in_round.clear()

    def add_decision(self, payload: LastAction) -> None:
        self.in_round[payload.op] += 1
        self.in_run[payload.op] += 1
        if not payload.success:
            self.refused[payload.op] += 1

    def shares(self) -> tuple[OpShare, ...]:
        """One record per op, in the order of the op head."""
        return tuple(
            OpShare(
                op=op.name,
                round_chosen=self.in_round[op.name],
                run_chosen=self.in_run[op.name],
                run_refused=self.refused[op.name],
            )
            for op in Op
        )
