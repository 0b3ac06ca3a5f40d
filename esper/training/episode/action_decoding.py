"""From eight head indices to a typed action."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Head, Op
from esper.contracts.slots import SlotConfig
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.training.vectorized_types import ActionMaskFlags, ActionSpec


def decode_action(actions_h: Sequence[int], view: GardenView, slots: SlotConfig) -> ActionSpec:
    """The action that these head indices mean for an env in this state.

    The reward sees the sampled op if the shared predicates call it possible on the target slot, and WAIT if not.
    """
    op, slot = Op(actions_h[Head.OP]), actions_h[Head.SLOT]
    enabled = 0 <= slot < slots.num_slots
    valid = enabled and (op is Op.WAIT or refusal(view, op, slot) is None)
    return ActionSpec(
        slot_idx=slot,
        blueprint_idx=actions_h[Head.BLUEPRINT],
        style_idx=actions_h[Head.STYLE],
        tempo_idx=actions_h[Head.TEMPO],
        alpha_target_idx=actions_h[Head.ALPHA_TARGET],
        alpha_speed_idx=actions_h[Head.ALPHA_SPEED],
        alpha_curve_idx=actions_h[Head.ALPHA_CURVE],
        op_idx=op,
        target_slot=slots.slot_ids[slot],
        slot_is_enabled=enabled,
        action_valid_for_reward=valid,
        action_for_reward=op if valid else Op.WAIT,
    )


def mask_flags(masked_h: Sequence[bool]) -> ActionMaskFlags:
    """The flags of all heads by name, from flags in head order."""
    slot, blueprint, style, tempo, alpha_target, alpha_speed, alpha_curve, op = masked_h
    return ActionMaskFlags(
        slot=slot,
        blueprint=blueprint,
        style=style,
        tempo=tempo,
        alpha_target=alpha_target,
        alpha_speed=alpha_speed,
        alpha_curve=alpha_curve,
        op=op,
    )
