"""The controller's actions as Gymnasium spaces: eight heads side by side, or one list of whole actions.

Legend: A actions, H action heads, N choices of the largest head.
"""

from __future__ import annotations

from itertools import product
from typing import Final, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from esper.contracts.actions import (
    PLACEHOLDERS,
    RELEVANT_HEADS,
    AlphaCurveChoice,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    Head,
    Op,
    Style,
    Tempo,
    Topology,
    choice_name,
    head_sizes,
)
from esper.growth.blueprints.catalogue import available_blueprints
from esper.policy.baselines.rule import Choice
from esper.policy.legal import LegalChoices

ActionKind = Literal["multi_discrete", "discrete"]
Action = NDArray[np.int64] | np.int64
Mask = NDArray[np.bool_]
_ENTRIES: Final = tuple(head for head in Head if head not in (Head.OP, Head.SLOT))


class HeadActions:
    """Eight numbers in the order of Head. A head that does not matter for the op may have any value.

    Its mask is one row per head. A row cannot say which slot goes with which op: the slot row is open for every slot
    on which some legal op is possible, so an action that passes the mask may still be illegal, and waits.
    """

    def __init__(self, num_slots: int) -> None:
        self._sizes = head_sizes(num_slots)
        self.space = spaces.MultiDiscrete(list(self._sizes))

    def choice(self, action: Action) -> Choice:
        """What an action means."""
        return to_choice([int(value) for value in np.asarray(action)])

    def mask(self, legal: LegalChoices) -> Mask:
        """One flag per choice, row after row: True for what is legal now."""
        rows = [np.zeros(size, dtype=np.bool_) for size in self._sizes]
        for head in _ENTRIES:
            rows[head][list(legal.heads[head])] = True
        rows[Head.OP][list(legal.ops)] = True
        slots = {slot for op in legal.ops if op is not Op.WAIT for slot in legal.slots_by_op[op]}
        rows[Head.SLOT][sorted(slots) or [0]] = True
        return np.concatenate(rows)


class ListedActions:
    """One number, which stands for a whole action: op, slot and every head that matters for the op.

    Its mask is exact.
    """

    def __init__(self, num_slots: int, topology: Topology) -> None:
        blueprints = sorted(available_blueprints(topology) - {Blueprint.NOOP})
        self.choices = tuple(choice for op in Op for choice in _choices(op, num_slots, blueprints))
        self.space = spaces.Discrete(len(self.choices))
        self._table_ah = np.array([choice.actions for choice in self.choices])
        self._relevant_ah = np.array([[head in RELEVANT_HEADS[choice.op] for head in Head] for choice in self.choices])
        self._num_slots = num_slots

    def choice(self, action: Action) -> Choice:
        """What an action means."""
        return self.choices[int(action)]

    def mask(self, legal: LegalChoices) -> Mask:
        """One flag per action: True for what is legal now."""
        table, relevant = self._table_ah, self._relevant_ah
        possible_os = np.zeros((len(Op), self._num_slots), dtype=np.bool_)
        for op in legal.ops:
            possible_os[op, list(legal.slots_by_op[op])] = True
        mask_a = possible_os[table[:, Head.OP], table[:, Head.SLOT]]
        for head in _ENTRIES:
            open_n = np.zeros(legal.sizes[head], dtype=np.bool_)
            open_n[list(legal.heads[head])] = True
            mask_a &= ~relevant[:, head] | open_n[table[:, head]]
        return mask_a

    def names(self, slot_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Every action in words, for example "PRUNE r0c1 INSTANT LINEAR"."""
        return tuple(
            " ".join(
                choice_name(head, choice.actions[head], slot_ids)
                for head in (Head.OP, Head.SLOT, *_ENTRIES)
                if head in RELEVANT_HEADS[choice.op]
            )
            for choice in self.choices
        )


def make_acting(kind: ActionKind, num_slots: int, topology: Topology) -> HeadActions | ListedActions:
    """The way of writing actions down that kind names."""
    return HeadActions(num_slots) if kind == "multi_discrete" else ListedActions(num_slots, topology)


def to_choice(actions_h: list[int]) -> Choice:
    """The action of eight heads, with placeholders in those that do not matter."""
    op = Op(actions_h[Head.OP])
    value = {head: actions_h[head] if head in RELEVANT_HEADS[op] else PLACEHOLDERS.get(head, 0) for head in Head}
    return Choice(
        op=op,
        slot=value[Head.SLOT],
        blueprint=Blueprint(value[Head.BLUEPRINT]),
        style=Style(value[Head.STYLE]),
        tempo=Tempo(value[Head.TEMPO]),
        alpha_target=AlphaTarget(value[Head.ALPHA_TARGET]),
        alpha_speed=AlphaSpeed(value[Head.ALPHA_SPEED]),
        alpha_curve=AlphaCurveChoice(value[Head.ALPHA_CURVE]),
    )


def _choices(op: Op, num_slots: int, blueprints: list[Blueprint]) -> list[Choice]:
    """Every action with this op. Heads that do not matter have one value, the placeholder."""
    sizes = head_sizes(num_slots)
    options: list[list[int]] = []
    for head in Head:
        if head is Head.OP:
            options.append([op])
        elif head not in RELEVANT_HEADS[op]:
            options.append([PLACEHOLDERS.get(head, 0)])
        elif head is Head.BLUEPRINT:
            options.append([int(blueprint) for blueprint in blueprints])
        else:
            options.append(list(range(sizes[head])))
    return [to_choice(list(values)) for values in product(*options)]
