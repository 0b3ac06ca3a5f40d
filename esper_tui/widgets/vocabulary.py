"""Short words and signs for ops, stages and modules: one table each, used by every panel and the help."""

from __future__ import annotations

from typing import Final

from esper.contracts.stages import SeedStage
from esper_tui.state.snapshot import SlotView
from esper_tui.widgets.text import Role, Span, pad

OP_WORDS: Final[dict[str, str]] = {
    "WAIT": "WAIT",
    "GERMINATE": "GERM",
    "SET_ALPHA_TARGET": "ALPH",
    "PRUNE": "PRUN",
    "FOSSILIZE": "FOSS",
    "ADVANCE": "ADVN",
}

HEAD_WORDS: Final[dict[str, str]] = {
    "slot": "slot",
    "blueprint": "module",
    "style": "style",
    "tempo": "tempo",
    "alpha_target": "α goal",
    "alpha_speed": "α speed",
    "alpha_curve": "α curve",
    "op": "op",
}

MODULE_WORDS: Final[dict[str, str]] = {
    "CONV_LIGHT": "conv",
    "ATTENTION": "attn",
    "NORM": "norm",
    "DEPTHWISE": "dpth",
    "BOTTLENECK": "botl",
    "CONV_SMALL": "cnvS",
    "CONV_HEAVY": "cnvL",
    "LORA": "lora",
    "LORA_LARGE": "lorL",
    "MLP_SMALL": "mlpS",
    "MLP": "mlp",
    "FLEX_ATTENTION": "flex",
    "NOOP": "noop",
}

STAGE_SIGNS: Final[dict[SeedStage, tuple[str, Role, str]]] = {
    SeedStage.UNKNOWN: ("?", Role.DIM, "unknown"),
    SeedStage.DORMANT: ("·", Role.DIM, "empty"),
    SeedStage.GERMINATED: ("g", Role.LABEL, "new; the number is epochs in the stage"),
    SeedStage.TRAINING: ("t", Role.TRAINING, "training; epochs in the stage, as 3e"),
    SeedStage.BLENDING: ("b", Role.BAR, "blending in; alpha in percent"),
    SeedStage.HOLDING: ("h", Role.STRONG, "holding at its alpha; epochs in the stage"),
    SeedStage.FOSSILIZED: ("■", Role.GOOD, "kept; what it brings, in percentage points"),
    SeedStage.PRUNED: ("x", Role.DIM, "cut"),
    SeedStage.EMBARGOED: ("e", Role.DIM, "cooling down"),
    SeedStage.RESETTING: ("e", Role.DIM, "cooling down"),
}

EMPTY_SLOT: Final = STAGE_SIGNS[SeedStage.DORMANT]
COUNTED_STAGES: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING, SeedStage.HOLDING})


def short_op(op: str) -> str:
    """An op in four letters."""
    return OP_WORDS.get(op, op[:4])


def short_module(blueprint: str) -> str:
    """A module in four letters."""
    return MODULE_WORDS.get(blueprint.upper(), blueprint[:4].lower())


def slot_amount(stage: SeedStage, alpha: float, epochs: int) -> str:
    """The number beside a stage: alpha in percent while blending, epochs where patience matters, nothing otherwise.

    >>> slot_amount(SeedStage.BLENDING, 0.8, 3), slot_amount(SeedStage.HOLDING, 1.0, 12)
    ('80%', '12e')
    """
    if stage is SeedStage.BLENDING:
        return f"{100 * alpha:.0f}%"
    return f"{epochs}e" if stage in COUNTED_STAGES else ""


def slot_words(slot: SlotView) -> str:
    """The number of a slot's cell; of a kept seed what it brings, in percentage points."""
    if slot.stage is SeedStage.FOSSILIZED:
        return "" if slot.contribution is None else f"{slot.contribution:+.{0 if abs(slot.contribution) >= 10 else 1}f}"
    return slot_amount(slot.stage, slot.alpha, slot.epochs_in_stage)


def slot_cell(slot: SlotView | None, width: int) -> Span:
    """A slot in exactly width cells: letter, module and number; letter and number below 9 cells; the letter in 1."""
    if slot is None:
        return Span(pad(EMPTY_SLOT[0], width), EMPTY_SLOT[1])
    sign, role, _ = STAGE_SIGNS[slot.stage]
    if width == 1:
        return Span(sign, role)
    amount = slot_words(slot)
    if width < 9:
        return Span(pad(f"{sign}{amount}", width), role)
    return Span(pad(f"{sign} {pad(short_module(slot.blueprint), 4)} {amount:>4}", width), role)
