"""Which choices the controller may make now, per env and head. They say what is possible, not what is wise.

Legend: E envs, S slots, H action heads, N choices of the largest head (smaller heads are padded with illegal choices).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import (
    AlphaTarget,
    Blueprint,
    Head,
    Op,
    Style,
    Topology,
    head_sizes,
)
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.lifecycle.predicates import GardenView, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMasks:
    """The legal choices of E envs, marked with True. Every row that can be sampled has at least one.

    heads_ehn: bool [E, H, N], with every head padded to N choices. Its slot row is open; acting narrows it to the
        sampled op.
    slot_by_op_eon: bool [E, 6, N], the slots on which each op is possible.
    """

    heads_ehn: Tensor
    slot_by_op_eon: Tensor

    def to(self, device: torch.device) -> ActionMasks:
        """The same masks on a device. The call does not wait for the copy."""
        return ActionMasks(
            heads_ehn=self.heads_ehn.to(device, non_blocking=True),
            slot_by_op_eon=self.slot_by_op_eon.to(device, non_blocking=True),
        )


def max_head_size(num_slots: int) -> int:
    """N: the number of choices of the largest head."""
    return max(head_sizes(num_slots))


def build_masks(views: Sequence[GardenView], topology: Topology) -> ActionMasks:
    """The masks of E envs on the CPU, from the predicates that execution uses too.

    WAIT is always legal. Style and alpha target are open if GERMINATE or SET_ALPHA_TARGET is possible; otherwise only
    their placeholders are legal.
    """
    num_slots = len(views[0].slots)
    rules = _MaskRules(num_slots, legal_blueprints(topology))
    heads: list[list[list[bool]]] = []
    slots: list[list[list[bool]]] = []
    for view in views:
        possible = [[refusal(view, op, slot) is None for slot in range(num_slots)] for op in Op]
        heads.append(rules.heads([any(row) for row in possible]))
        slots.append([rules.slot_row(row) for row in possible])
    return ActionMasks(heads_ehn=torch.tensor(heads), slot_by_op_eon=torch.tensor(slots))


def legal_blueprints(topology: Topology) -> tuple[Blueprint, ...]:
    """What the mask of the blueprint head allows, in order."""
    return tuple(sorted(available_blueprints(topology) - {Blueprint.NOOP}))


class _MaskRules:
    """The rows that depend on the run, made once per call."""

    def __init__(self, num_slots: int, blueprints: tuple[Blueprint, ...]) -> None:
        self._sizes = head_sizes(num_slots)
        self._padded_size = max(self._sizes)
        self._blueprints = self._row(blueprints)
        self._styles = self._full(Head.STYLE)
        self._style_placeholder = self._row((Style.SIGMOID_ADD,))
        self._targets = self._full(Head.ALPHA_TARGET)
        self._target_placeholder = self._row((AlphaTarget.FULL,))
        self._slot_placeholder = self._row((0,))
        self._open = {head: self._full(head) for head in (Head.SLOT, Head.TEMPO, Head.ALPHA_SPEED, Head.ALPHA_CURVE)}
        assert any(self._blueprints), "no blueprint can be built for this topology"

    def heads(self, ops: list[bool]) -> list[list[bool]]:
        """One padded row per head, in head order.

        ops: whether each op is possible somewhere.
        """
        assert ops[Op.WAIT], "WAIT is always possible"
        blending = ops[Op.GERMINATE] or ops[Op.SET_ALPHA_TARGET]
        return [
            self._open[Head.SLOT],
            self._blueprints,
            self._styles if blending else self._style_placeholder,
            self._open[Head.TEMPO],
            self._targets if blending else self._target_placeholder,
            self._open[Head.ALPHA_SPEED],
            self._open[Head.ALPHA_CURVE],
            self._padded(ops),
        ]

    def slot_row(self, possible: list[bool]) -> list[bool]:
        """The slots of one op. An op that is possible nowhere is never sampled and keeps the placeholder slot."""
        return self._padded(possible) if any(possible) else self._slot_placeholder

    def _full(self, head: Head) -> list[bool]:
        return self._row(range(self._sizes[head]))

    def _row(self, legal: Iterable[int]) -> list[bool]:
        chosen = set(legal)
        return [index in chosen for index in range(self._padded_size)]

    def _padded(self, row: list[bool]) -> list[bool]:
        return row + [False] * (self._padded_size - len(row))
