"""The controller's eight action heads: their order, sizes, names and meanings.

Order matters: masks, log-probabilities and stored actions are indexed by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from esper.contracts.blueprints import Blueprint as Blueprint
from esper.contracts.blueprints import blueprint_count


class Head(IntEnum):
    """The action heads in tensor order."""

    SLOT = 0
    BLUEPRINT = 1
    STYLE = 2
    TEMPO = 3
    ALPHA_TARGET = 4
    ALPHA_SPEED = 5
    ALPHA_CURVE = 6
    OP = 7


class Op(IntEnum):
    """What to do this epoch."""

    WAIT = 0
    GERMINATE = 1
    SET_ALPHA_TARGET = 2
    PRUNE = 3
    FOSSILIZE = 4
    ADVANCE = 5


class Topology(StrEnum):
    """The family of a host, which decides what blueprints fit."""

    CNN = "cnn"
    TRANSFORMER = "transformer"


class AlphaAlgorithm(IntEnum):
    """How a seed's output s is blended into host features h."""

    ADD = 1
    MULTIPLY = 2
    GATE = 3


class AlphaMode(IntEnum):
    """What alpha is doing now."""

    HOLD = 0
    UP = 1
    DOWN = 2


class AlphaCurve(IntEnum):
    """The shape of a ramp of alpha."""

    LINEAR = 1
    COSINE = 2
    SIGMOID = 3


class Style(IntEnum):
    """Blending style: the curve of the first ramp and the blend algorithm."""

    LINEAR_ADD = 0
    LINEAR_MULTIPLY = 1
    SIGMOID_ADD = 2
    GATED_GATE = 3


class Tempo(IntEnum):
    """How many epochs the first ramp takes; see TEMPO_EPOCHS."""

    FAST = 0
    STANDARD = 1
    SLOW = 2


class AlphaTarget(IntEnum):
    """Where alpha should go; see ALPHA_TARGET_VALUES."""

    HALF = 0
    SEVENTY = 1
    FULL = 2


class AlphaSpeed(IntEnum):
    """How many epochs a later ramp takes; see ALPHA_SPEED_EPOCHS."""

    INSTANT = 0
    FAST = 1
    MEDIUM = 2
    SLOW = 3


class AlphaCurveChoice(IntEnum):
    """Curve and steepness of a later ramp; see ALPHA_CURVE_VALUES."""

    LINEAR = 0
    COSINE = 1
    SIGMOID_GENTLE = 2
    SIGMOID = 3
    SIGMOID_SHARP = 4


TEMPO_EPOCHS: Final[tuple[int, ...]] = (3, 5, 8)
ALPHA_TARGET_VALUES: Final[tuple[float, ...]] = (0.5, 0.7, 1.0)
ALPHA_SPEED_EPOCHS: Final[tuple[int, ...]] = (0, 3, 5, 8)
DEFAULT_STEEPNESS: Final = 12.0
ALPHA_CURVE_VALUES: Final[tuple[tuple[AlphaCurve, float], ...]] = (
    (AlphaCurve.LINEAR, DEFAULT_STEEPNESS),
    (AlphaCurve.COSINE, DEFAULT_STEEPNESS),
    (AlphaCurve.SIGMOID, 6.0),
    (AlphaCurve.SIGMOID, 12.0),
    (AlphaCurve.SIGMOID, 24.0),
)
STYLE_VALUES: Final[tuple[tuple[AlphaCurve, AlphaAlgorithm], ...]] = (
    (AlphaCurve.LINEAR, AlphaAlgorithm.ADD),
    (AlphaCurve.LINEAR, AlphaAlgorithm.MULTIPLY),
    (AlphaCurve.SIGMOID, AlphaAlgorithm.ADD),
    (AlphaCurve.LINEAR, AlphaAlgorithm.GATE),
)

NUM_HEADS: Final = len(Head)
HEAD_NAMES: Final[tuple[str, ...]] = tuple(head.name.lower() for head in Head)

CNN_BLUEPRINTS: Final = frozenset(
    {
        Blueprint.NORM,
        Blueprint.ATTENTION,
        Blueprint.DEPTHWISE,
        Blueprint.BOTTLENECK,
        Blueprint.CONV_SMALL,
        Blueprint.CONV_LIGHT,
        Blueprint.CONV_HEAVY,
    }
)
TRANSFORMER_BLUEPRINTS: Final = frozenset(
    {
        Blueprint.NORM,
        Blueprint.ATTENTION,
        Blueprint.LORA,
        Blueprint.LORA_LARGE,
        Blueprint.MLP_SMALL,
        Blueprint.MLP,
        Blueprint.FLEX_ATTENTION,
    }
)

RELEVANT_HEADS: Final[dict[Op, frozenset[Head]]] = {
    Op.WAIT: frozenset({Head.OP}),
    Op.GERMINATE: frozenset({Head.OP, Head.SLOT, Head.BLUEPRINT, Head.STYLE, Head.TEMPO, Head.ALPHA_TARGET}),
    Op.SET_ALPHA_TARGET: frozenset(
        {Head.OP, Head.SLOT, Head.STYLE, Head.ALPHA_TARGET, Head.ALPHA_SPEED, Head.ALPHA_CURVE}
    ),
    Op.PRUNE: frozenset({Head.OP, Head.SLOT, Head.ALPHA_SPEED, Head.ALPHA_CURVE}),
    Op.FOSSILIZE: frozenset({Head.OP, Head.SLOT}),
    Op.ADVANCE: frozenset({Head.OP, Head.SLOT}),
}
"""The heads that matter for an op. The others carry PLACEHOLDERS and add nothing to the loss or the gradient."""

PLACEHOLDERS: Final[dict[Head, int]] = {
    Head.BLUEPRINT: Blueprint.NOOP,
    Head.STYLE: Style.SIGMOID_ADD,
    Head.TEMPO: Tempo.STANDARD,
    Head.ALPHA_TARGET: AlphaTarget.FULL,
    Head.ALPHA_SPEED: AlphaSpeed.INSTANT,
    Head.ALPHA_CURVE: AlphaCurveChoice.LINEAR,
}
"""The value that an irrelevant head carries. An irrelevant slot head carries the first enabled slot."""


def head_sizes(num_slots: int) -> tuple[int, ...]:
    """The number of choices of each head, in head order. Blueprints of plug-ins add to those of the second.

    >>> head_sizes(3)
    (3, 13, 4, 3, 3, 4, 5, 6)
    """
    known = {Head.SLOT: num_slots, Head.BLUEPRINT: blueprint_count()}
    return tuple(known[head] if head in known else len(_HEAD_ENUMS[head]) for head in Head)


def choice_name(head: Head, index: int, slot_ids: tuple[str, ...]) -> str:
    """The readable name of a choice, for example choice_name(Head.OP, 3, ()) -> "PRUNE"."""
    if head is Head.SLOT:
        return slot_ids[index]
    return _HEAD_ENUMS[head](index).name


_HEAD_ENUMS: Final[dict[Head, type[IntEnum]]] = {
    Head.BLUEPRINT: Blueprint,
    Head.STYLE: Style,
    Head.TEMPO: Tempo,
    Head.ALPHA_TARGET: AlphaTarget,
    Head.ALPHA_SPEED: AlphaSpeed,
    Head.ALPHA_CURVE: AlphaCurveChoice,
    Head.OP: Op,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PerHead:
    """One number per head, named and in the order of Head, for configuration files."""

    slot: float
    blueprint: float
    style: float
    tempo: float
    alpha_target: float
    alpha_speed: float
    alpha_curve: float
    op: float

    def in_order(self) -> tuple[float, ...]:
        """The values in head order."""
        return tuple(getattr(self, name) for name in HEAD_NAMES)

    @staticmethod
    def names() -> tuple[str, ...]:
        """The names of the heads, in order."""
        return HEAD_NAMES

    @classmethod
    def same(cls, value: float, **others: float) -> PerHead:
        """The same value for every head except those named in others.

        >>> PerHead.same(0.1, op=0.3).in_order()
        (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3)
        """
        return cls(**(dict.fromkeys(HEAD_NAMES, value) | others))
