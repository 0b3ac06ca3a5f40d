"""Forward passes of a fleet: host blocks with seed banks between them.

Legend: E envs, B minibatch, C channels, R rows of a bank.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from esper.contracts.slots import SlotConfig, parse_slot_id
from esper.fleet.plan import BankPlan, FleetPlan
from esper.growth.blending import RowMask, SeedOutput, blend_for_evaluation, blend_for_training, seed_input
from esper.growth.host import StackedCNNHost
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import gather_rows, scatter_rows


class FleetNetwork:
    """The hosts of a fleet and the places where seeds grow."""

    def __init__(self, host: StackedCNNHost, slots: SlotConfig, algorithm: StackedAlgorithm) -> None:
        self.host = host
        self.algorithm: StackedAlgorithm = algorithm
        self._slot_after_block = {parse_slot_id(text)[1]: slot for slot, text in enumerate(slots.slot_ids)}

    @property
    def blocks(self) -> int:
        return len(self.host.blocks)

    def slot_after(self, block: int) -> int | None:
        """The slot behind a block, if there is one."""
        return self._slot_after_block.get(block)

    def logits(self, inputs_ebchw: Tensor, plan: FleetPlan) -> Tensor:
        """Logits [E, B, classes] with the gradient paths of training."""
        features = inputs_ebchw
        for block in range(self.blocks):
            features = self.host.run_block(block, features)
            slot = self.slot_after(block)
            if slot is not None:
                features = self._grow(features, plan.slots[slot])
        return self.host.classify(features)

    def _grow(self, features: Tensor, banks: tuple[BankPlan, ...]) -> Tensor:
        # Rows of different banks are different envs, so each bank reads and replaces rows that no other one touches.
        for plan in banks:
            h = self.gather(features, plan)
            x = seed_input(h, plan.blend.isolate)
            blended = blend_for_training(h, x, plan.bank.module(x), plan.blend)
            features = self.scatter(features, plan, blended)
        return features

    def seed_outputs(self, features: Tensor, banks: tuple[BankPlan, ...]) -> list[SeedOutput]:
        """What each bank's seeds return for these features, for use in several blends."""
        return [plan.bank.module(self.gather(features, plan)) for plan in banks]

    def blend(
        self,
        features: Tensor,
        banks: tuple[BankPlan, ...],
        outputs: list[SeedOutput],
        seeds_on: Callable[[BankPlan], RowMask],
    ) -> Tensor:
        """Features with the seeds of some rows blended in; outputs as from seed_outputs."""
        for plan, seed in zip(banks, outputs, strict=True):
            on = seeds_on(plan)
            if on is False:
                continue
            h = self.gather(features, plan)
            blended = blend_for_evaluation(h, seed, plan.blend, on)
            features = self.scatter(features, plan, blended)
        return features

    def gather(self, features: Tensor, plan: BankPlan) -> Tensor:
        return features if plan.rows is None else gather_rows(features, plan.rows, self.algorithm)

    def scatter(self, features: Tensor, plan: BankPlan, values: Tensor) -> Tensor:
        return values if plan.rows is None else scatter_rows(features, plan.rows, values, self.algorithm)
