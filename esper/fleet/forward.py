"""Forward passes of a fleet: host segments with seed banks between them.

Legend: E envs, B minibatch, R rows of a bank.
"""

from __future__ import annotations

from torch import Tensor

from esper.contracts.slots import SlotConfig
from esper.fleet.plan import BankPlan, FleetPlan
from esper.growth.hosts.protocol import HostProtocol
from esper.growth.seeds.blending import blend_for_training, seed_input
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.layout import gather_rows, scatter_rows


class FleetNetwork:
    """The hosts of a fleet and the places where seeds grow."""

    def __init__(self, host: HostProtocol, slots: SlotConfig, algorithm: StackedAlgorithm) -> None:
        self.host = host
        self.algorithm: StackedAlgorithm = algorithm
        slot_of = {text: slot for slot, text in enumerate(slots.slot_ids)}
        self._slot_after = tuple(slot_of.get(spec.slot_id) for spec in host.injection_specs)

    def slot_after(self, segment: int) -> int | None:
        """The slot after a segment, if one is enabled there."""
        return self._slot_after[segment]

    def logits(self, inputs: Tensor, plan: FleetPlan) -> Tensor:
        """The logits that HostProtocol.classify returns, with the gradient paths of training."""
        features = inputs
        for segment in range(self.host.segments):
            features = self.host.run_segment(segment, features)
            slot = self.slot_after(segment)
            if slot is not None:
                features = self._grow(features, plan, slot)
        return self.host.classify(features)

    def _grow(self, features: Tensor, fleet: FleetPlan, slot: int) -> Tensor:
        # An env has at most one seed in a slot, so each bank reads and replaces rows that no other bank touches.
        program = fleet.programs[slot]
        if program is not None:
            features = program(features)
        for plan in fleet.slots[slot]:
            if plan.gradients_rp is not None:
                continue
            h = self.gather(features, plan)
            x = seed_input(h, plan.blend.isolate)
            blended = blend_for_training(h, x, plan.bank.module(x), plan.blend)
            features = self.scatter(features, plan, blended)
        return features

    def gather(self, features: Tensor, plan: BankPlan) -> Tensor:
        return features if plan.rows is None else gather_rows(features, plan.rows, self.algorithm)

    def scatter(self, features: Tensor, plan: BankPlan, values: Tensor) -> Tensor:
        return values if plan.rows is None else scatter_rows(features, plan.rows, values, self.algorithm)
