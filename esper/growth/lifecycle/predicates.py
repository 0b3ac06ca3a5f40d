"""Whether an op is possible on a slot now: the one answer that masks, rewards and execution share.

The answer says nothing about good timing. An ADVANCE or a FOSSILIZE that the seed's next gate would refuse counts as
impossible if the view knows the gate's answer (growth.op_masks = "succeeding"). Otherwise the gate decides when the op
is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from esper.contracts.actions import AlphaMode, Op
from esper.contracts.legality import IllegalReason, Refusal
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import COOLDOWN_STAGES, LIVE_STAGES, SeedStage
from esper.growth.lifecycle.config import GrowthConfig

_ADVANCEABLE: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.BLENDING})
_BLENDED: Final = frozenset({SeedStage.BLENDING, SeedStage.HOLDING})
_GATED: Final = (Op.ADVANCE, Op.FOSSILIZE)
_EMPTY: Final = Refusal(IllegalReason.EMPTY, "the slot is empty")
_RAMPING: Final = Refusal(IllegalReason.RAMPING, "alpha is on a ramp")
_INCUBATING: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING}) | COOLDOWN_STAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class GardenView:
    """The enabled slots of one env, in slot order (None = empty), and the rules that hold there.

    closed_gates: for each slot, why the next gate would refuse its seed now, or None if the gate would open or there is
        no gate; empty if only an attempt is to show it.
    """

    slots: tuple[SeedInfo | None, ...]
    config: GrowthConfig
    closed_gates: tuple[str | None, ...] = ()


def refusal(view: GardenView, op: Op, slot: int) -> Refusal | None:
    """Why op is impossible on this slot now, or None if it is possible. WAIT is possible everywhere.

    slot: an index into view.slots.
    """
    refused = _RULES[op](view, view.slots[slot])
    if refused is None and op in _GATED and view.closed_gates:
        closed = view.closed_gates[slot]
        return None if closed is None else Refusal(IllegalReason.GATE, closed)
    return refused


def seed_count(view: GardenView) -> int:
    """The number of seeds that count toward max_seeds: the live and the fossilised ones.

    A slot in cooldown holds none.
    """
    return sum(1 for seed in view.slots if seed is not None and seed.stage not in COOLDOWN_STAGES)


def _wait(_view: GardenView, _seed: SeedInfo | None) -> Refusal | None:
    return None


def _germinate(view: GardenView, seed: SeedInfo | None) -> Refusal | None:
    if seed is not None:
        return Refusal(IllegalReason.OCCUPIED, f"the slot is occupied by a seed in {seed.stage.name}")
    config = view.config
    if config.max_seeds and seed_count(view) >= config.max_seeds:
        return Refusal(
            IllegalReason.MAX_SEEDS, f"the host already carries {config.max_seeds} seeds, which is growth.max_seeds"
        )
    if config.single_incubation:
        for other in view.slots:
            if other is not None and other.stage in _INCUBATING:
                return Refusal(
                    IllegalReason.INCUBATING,
                    f"slot {other.slot_id} is in {other.stage.name}: one seed incubates at a time",
                )
    return None


def _set_alpha_target(_view: GardenView, seed: SeedInfo | None) -> Refusal | None:
    if seed is None:
        return _EMPTY
    if seed.stage not in _BLENDED:
        return Refusal(IllegalReason.STAGE, f"a seed in {seed.stage.name} has no alpha to set")
    if seed.alpha_mode is not AlphaMode.HOLD:
        return _RAMPING
    return None


def _prune(view: GardenView, seed: SeedInfo | None) -> Refusal | None:
    if seed is None:
        return _EMPTY
    if seed.stage not in LIVE_STAGES:
        return Refusal(IllegalReason.STAGE, f"a seed in {seed.stage.name} cannot be pruned")
    if seed.epochs_total < view.config.min_prune_age:
        return Refusal(
            IllegalReason.TOO_YOUNG,
            f"the seed has lived {seed.epochs_total} of the {view.config.min_prune_age} epochs before a prune",
        )
    if seed.alpha_mode is not AlphaMode.HOLD:
        return _RAMPING
    return None


def _fossilize(_view: GardenView, seed: SeedInfo | None) -> Refusal | None:
    if seed is None:
        return _EMPTY
    if seed.stage is not SeedStage.HOLDING:
        return Refusal(
            IllegalReason.STAGE, f"only a seed in HOLDING can be fossilised, this one is in {seed.stage.name}"
        )
    return None


def _advance(view: GardenView, seed: SeedInfo | None) -> Refusal | None:
    if seed is None:
        return _EMPTY
    if view.config.advance_disabled:
        return Refusal(IllegalReason.AUTOMATIC, "every gate is passed automatically")
    if seed.stage is SeedStage.HOLDING:
        return Refusal(IllegalReason.STAGE, "a seed in HOLDING does not advance: only FOSSILIZE commits")
    if seed.stage not in _ADVANCEABLE:
        return Refusal(IllegalReason.STAGE, f"a seed in {seed.stage.name} has no stage to advance to")
    return None


_RULES: Final[dict[Op, Callable[[GardenView, SeedInfo | None], Refusal | None]]] = {
    Op.WAIT: _wait,
    Op.GERMINATE: _germinate,
    Op.SET_ALPHA_TARGET: _set_alpha_target,
    Op.PRUNE: _prune,
    Op.FOSSILIZE: _fossilize,
    Op.ADVANCE: _advance,
}
