"""What may be done to seeds, how old they are and what ablation says about them, written anew from the pages."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import AlphaMode, Blueprint, Op
from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.config import GrowthConfig

LIVE = ("GERMINATED", "TRAINING", "BLENDING", "HOLDING")
BLENDED = ("BLENDING", "HOLDING", "FOSSILIZED")
COOLING = ("PRUNED", "EMBARGOED", "RESETTING")
BUILDABLE = ("NORM", "ATTENTION", "DEPTHWISE", "BOTTLENECK", "CONV_SMALL", "CONV_LIGHT", "CONV_HEAVY")
BLUEPRINTS = [blueprint.name in BUILDABLE for blueprint in Blueprint]

Slots = Sequence[SeedInfo | None]


def stage(seed: SeedInfo | None) -> str:
    return "EMPTY" if seed is None else seed.stage.name


def possible(op: Op, slot: int, slots: Slots, rules: GrowthConfig) -> bool:
    """Whether the op could be tried on the slot now, and would succeed where the masks know the gates."""
    seed = slots[slot]
    if op is Op.WAIT:
        return True
    if op is Op.GERMINATE:
        return seed is None and _room_for_one_more(slots, rules)
    if seed is None:
        return False
    resting, at = seed.alpha_mode is AlphaMode.HOLD, seed.stage.name
    if op is Op.SET_ALPHA_TARGET:
        return at in ("BLENDING", "HOLDING") and resting
    if op is Op.PRUNE:
        return at in LIVE and seed.epochs_total >= rules.min_prune_age and resting
    knows = rules.op_masks == "succeeding"
    if op is Op.FOSSILIZE:
        return at == "HOLDING" and (not knows or opens(seed, rules))
    by_themselves = rules.auto_forward_g1 and rules.auto_forward_g2 and rules.auto_forward_g3
    return at in ("GERMINATED", "TRAINING", "BLENDING") and not by_themselves and (not knows or opens(seed, rules))


def succeeds(op: Op, slot: int, slots: Slots, rules: GrowthConfig) -> bool:
    """Whether the op does what it was meant to do, now that it is tried."""
    if not possible(op, slot, slots, rules):
        return False
    seed = slots[slot]
    return op not in (Op.ADVANCE, Op.FOSSILIZE) or (seed is not None and opens(seed, rules))


def opens(seed: SeedInfo, rules: GrowthConfig) -> bool:
    """Whether the next permissive gate lets the seed pass."""
    assert rules.permissive_gates
    healthy = seed.gradient is not None and seed.gradient.health >= rules.min_gradient_health
    if seed.stage is SeedStage.GERMINATED:
        return True
    if seed.stage is SeedStage.TRAINING:
        calm = seed.gradient is not None and not seed.gradient.has_exploding
        return healthy and calm and seed.epochs_in_stage >= rules.min_training_epochs
    if seed.stage is SeedStage.BLENDING:
        there = abs(seed.alpha - seed.alpha_target) <= 1e-6 and seed.alpha_target > 1e-6
        return seed.alpha_mode is AlphaMode.HOLD and there
    return seed.contribution is not None and (seed.gradient is None or healthy)


def _room_for_one_more(slots: Slots, rules: GrowthConfig) -> bool:
    held = [seed for seed in slots if seed is not None and stage(seed) not in COOLING]
    if rules.max_seeds and len(held) >= rules.max_seeds:
        return False
    incubating = [seed for seed in slots if stage(seed) in ("GERMINATED", "TRAINING", *COOLING)]
    return not (rules.single_incubation and incubating)


class Ablations:
    """The accuracies of one env in one epoch, by the set of seeds that were on."""

    def __init__(self, matrix: CounterfactualMatrix) -> None:
        self._known = {
            frozenset(slot for slot, on in enumerate(one.slots_on) if on): one.accuracy for one in matrix.measurements
        }
        self.active = frozenset(slot for slot, on in enumerate(matrix.active) if on)
        self.main = self._known[self.active]

    def on(self, *slots: int) -> float | None:
        return self._known.get(frozenset(slots) & self.active)

    @property
    def total(self) -> float | None:
        """What all seeds bring together."""
        off = self.on()
        return None if not self.active or off is None else self.main - off

    def contribution(self, slot: int) -> float | None:
        """What the seed of this slot brings."""
        without = self.on(*(self.active - {slot}))
        return None if slot not in self.active or without is None else self.main - without

    def interaction(self, one: int, other: int) -> float | None:
        """What two seeds bring beyond what each brings alone."""
        pair, first, second, none = self.on(one, other), self.on(one), self.on(other), self.on()
        if pair is None or first is None or second is None or none is None:
            return None
        return pair - first - second + none

    def interactions(self, slot: int) -> float | None:
        """The sum over the other active seeds, or None if nothing was measured."""
        others = [self.interaction(slot, other) for other in self.active - {slot} if slot in self.active]
        known = [value for value in others if value is not None]
        return sum(known) if known else None
