"""One decision: what was chosen, how likely it was, what else there was, what was not legal, and what it earned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Final

from esper.telemetry.events import HeadChoice, LastAction, NamedValue
from esper_tui.sources.base import Frame
from esper_tui.state.episode import EpisodeView
from esper_tui.state.metrics import MISSING, NOT_APPLICABLE, format_number
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.legality import illegal_lines
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad, pad_left, strong, wrap
from esper_tui.widgets.vocabulary import HEAD_WORDS, short_op

RESIDUE: Final = 1e-6
"""Reward terms that miss the reward by more than this share of it do not add up."""

BAR_WIDTH: Final = 10


def small(value: float | None) -> str:
    """A number in four cells, for example .71 or 1.38.

    >>> small(0.714), small(1.384), small(None)
    ('.71', '1.38', '--')
    """
    text = format_number(value, 2)
    return text.replace("0.", ".", 1) if text.startswith("0.") else text


def decision_lines(decision: LastAction | None, slot_ids: Sequence[str], width: int) -> list[Line]:
    """The short form, for the main screen."""
    if decision is None:
        return awaiting(width)
    where = "" if decision.op == "WAIT" else f" {decision.slot_id}"
    operation = head_of(decision, "op")
    lines = [
        line(
            strong(f"{short_op(decision.op)}{where} "),
            Span("✓ done", Role.GOOD) if decision.success else Span("✗ refused", Role.LABEL),
            label("  p "),
            small(operation.probability if operation else None),
            label("  H "),
            f"{small(operation.entropy if operation else None)} nats",
        )
    ]
    if not decision.success:
        lines += wrap([dim(word) for word in (decision.refusal or "no reason was recorded").split()], width, gap=" ")
    lines += [*_else_lines(decision, width), *illegal_lines(decision, slot_ids, width), *_used_lines(decision, width)]
    lines.append(
        line(
            label("V(s) "),
            format_number(decision.value_estimate, 2, signed=True),
            label("  return so far "),
            format_number(decision.episode_reward, 1, signed=True),
        )
    )
    return [*lines, *reward_lines(decision, width, every=False)]


def awaiting(width: int) -> list[Line]:
    """What is said before the first decision."""
    text = "no decision here yet: the first follows the episode's first host epoch"
    return wrap([dim(word) for word in text.split()], width, gap=" ")


def head_of(decision: LastAction, name: str) -> HeadChoice | None:
    return next((head for head in decision.heads if head.head == name), None)


def _else_lines(decision: LastAction, width: int) -> list[Line]:
    others = [Span(f"{short_op(other.op)} {small(other.probability)}") for other in decision.alternatives]
    return wrap([label("else"), *(others or [dim(NOT_APPLICABLE)])], width, gap=" ")


def _used_lines(decision: LastAction, width: int) -> list[Line]:
    """The heads beside the op that mattered, with their choices."""
    used = [head for head in decision.heads if head.relevant and head.head != "op"]
    return wrap([Span(_used_words(head)) for head in used], width)


def _used_words(head: HeadChoice) -> str:
    second = "" if head.second is None else f" ({head.second} {small(head.second_probability)})"
    return f"{HEAD_WORDS.get(head.head, head.head)} {head.choice.lower()} {small(head.probability)}{second}"


def table_lines(decision: LastAction | None, slot_ids: Sequence[str], width: int) -> list[Line]:
    """The long form, for the env detail: a row per head that mattered."""
    if decision is None:
        return awaiting(width)
    choice = max(8, min(20, width - 50))
    lines = [
        (label(f"{'head':8} {pad('chosen', choice)} {'p':>4}  H/max legal  second"),),
        *(_head_row(head, choice) for head in sorted(decision.heads, key=_op_first) if head.relevant),
    ]
    unused = [HEAD_WORDS.get(head.head, head.head) for head in decision.heads if not head.relevant]
    if unused:
        lines += wrap([dim(f"not used by {short_op(decision.op)}:"), dim(" · ".join(unused))], width, gap=" ")
    lines += illegal_lines(decision, slot_ids, width)
    outcome = Span("✓ done", Role.GOOD) if decision.success else Span("✗ refused", Role.LABEL)
    reason = "" if decision.success else f": {decision.refusal or 'no reason was recorded'}"
    lines += wrap([label("outcome"), outcome, *[dim(word) for word in reason.split()]], width, gap=" ")
    values = [
        Span(f"{short_op(value.name)} {format_number(value.value, 2, signed=True)}")
        for value in sorted(decision.op_values, key=lambda one: -(one.value if one.value is not None else -math.inf))
        if value.value is not None
    ]
    lines += wrap([label("Q(s, op)"), *(values or [dim(MISSING)])], width)
    return lines


def _op_first(head: HeadChoice) -> bool:
    return head.head != "op"


def _head_row(head: HeadChoice, choice: int) -> Line:
    share = 100 * head.entropy / math.log(head.legal) if head.legal is not None and head.legal > 1 else None
    legal = MISSING if head.legal is None else str(head.legal)
    word = short_op(head.second) if head.head == "op" and head.second else head.second
    words = f"{word} {small(head.second_probability)}" if word else NOT_APPLICABLE
    return line(
        label(f"{pad(HEAD_WORDS.get(head.head, head.head), 8)} "),
        strong(pad(head.choice.lower(), choice)),
        f" {pad_left(small(head.probability), 4)}  ",
        pad_left(NOT_APPLICABLE if share is None else f"{share:.0f} %", 5),
        f" {pad(f'{legal}/{head.size}', 6)} ",
        dim(words),
    )


def reward_lines(decision: LastAction, width: int, *, every: bool) -> list[Line]:
    """The terms of the reward with bars, largest first, and whether all of them add up to it.

    every: zeros too.
    """
    terms = sorted(decision.reward_terms, key=lambda term: -abs(term.value or 0.0))
    shown = [term for term in terms if term.value]
    largest = max((abs(term.value or 0.0) for term in shown), default=0.0)
    lines = [line(label("r "), strong(format_number(decision.reward, 3, signed=True)), *_sum_words(decision))]
    lines += [_term_row(term, largest, width) for term in shown]
    zeros = [term.name.replace("_", " ") for term in terms if term.value == 0.0]
    absent = [term.name.replace("_", " ") for term in terms if term.value is None]
    if every and zeros:
        lines += wrap([dim("zero:"), *[dim(word) for word in " · ".join(zeros).split()]], width, gap=" ")
    if every and absent:
        lines += wrap([dim("does not apply:"), *[dim(word) for word in " · ".join(absent).split()]], width, gap=" ")
    return lines


def _sum_words(decision: LastAction) -> list[Span]:
    values = [term.value for term in decision.reward_terms if term.value is not None]
    total = math.fsum(values) if all(math.isfinite(value) for value in values) else math.nan
    if abs(total - decision.reward) <= RESIDUE * max(1.0, abs(decision.reward)):
        return [Span("  Σ of the terms = r ✓", Role.GOOD)]
    residue = format_number(total - decision.reward, 3, signed=True)
    return [Span(f"  Σ of the terms ≠ r: {residue} left over", Role.CRITICAL)]


def _term_row(term: NamedValue, largest: float, width: int) -> Line:
    value = term.value or 0.0
    room = max(0, min(BAR_WIDTH, width - 27))
    filled = round(room * abs(value) / largest) if math.isfinite(value) and largest else 0
    return line(
        pad(term.name.replace("_", " "), 17),
        f" {pad_left(format_number(value, 3, signed=True), 8)} ",
        Span("█" * filled or "▏", Role.BAR if value >= 0 else Role.TRAINING),
    )


class DecisionPanel(FigurePanel):
    """The decision at the cursor, in its short form."""

    TITLE: ClassVar = "DECISION"
    HINT: ClassVar = "⏎ detail"

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        episode, epoch = focus.shown_episode(frame), focus.shown_epoch(frame)
        if episode is None:
            return self.TITLE, ""
        group = f" {episode.group_id}" if len(frame.snapshot.groups) > 1 else ""
        return f"DECISION env {episode.env_id:02d}{group} e{MISSING if epoch is None else epoch}", self.HINT

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        return decision_lines(chosen_decision(frame, focus), shown_slot_ids(frame, focus), width)


class DecisionTable(DecisionPanel):
    """The decision at the cursor, head by head."""

    HINT: ClassVar = ", . previous/next decision"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        return table_lines(chosen_decision(frame, focus), shown_slot_ids(frame, focus), width)


class RewardPanel(FigurePanel):
    """The reward at the cursor, and how it compares with what was expected."""

    TITLE: ClassVar = "REWARD"

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        epoch = focus.shown_epoch(frame)
        return f"REWARD at e{MISSING if epoch is None else epoch}", "raw"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        episode, decision = focus.shown_episode(frame), chosen_decision(frame, focus)
        if episode is None or decision is None:
            return awaiting(width)
        return [*reward_lines(decision, width, every=True), (), *_value_lines(episode, decision)]


def _value_lines(episode: EpisodeView, decision: LastAction) -> list[Line]:
    after = next((one for one in episode.decisions if one.epoch > decision.epoch), None)
    to_go = math.fsum(one.reward for one in episode.decisions if one.epoch > decision.epoch)
    measured = episode.epoch_at(decision.epoch)
    lines = [
        line(
            label("return so far "),
            format_number(decision.episode_reward, 2, signed=True),
            label("  to go "),
            format_number(to_go, 2, signed=True) if after else MISSING,
        ),
        line(
            label("V(s) "),
            format_number(decision.value_estimate, 2, signed=True),
            label("  V(s′) "),
            format_number(after.value_estimate if after else None, 2, signed=True),
            dim("  of normalised reward"),
        ),
        line(label("normalised r "), format_number(decision.reward_normalized, 3, signed=True)),
    ]
    if measured is not None:
        lines.append(
            line(
                label("val loss "),
                format_number(measured.val_loss, 3),
                label("  train "),
                format_number(measured.train_loss, 3),
                label("  ‖g‖ "),
                format_number(measured.host_grad_norm, 2),
            )
        )
    return lines


def chosen_decision(frame: Frame, focus: Focus) -> LastAction | None:
    """The decision after the host epoch at the cursor; riding the newest, the newest there is."""
    episode, epoch = focus.shown_episode(frame), focus.shown_epoch(frame)
    if episode is None or epoch is None:
        return None
    if focus.epoch is None and episode.decisions:
        return episode.decisions[-1]
    return episode.decision_at(epoch)


def shown_slot_ids(frame: Frame, focus: Focus) -> tuple[str, ...]:
    """The slots of the env at the cursor, in order."""
    episode = focus.shown_episode(frame)
    return () if episode is None else episode.slot_ids
