"""The decision panel: the newest action of the env under the cursor, head by head, and what it earned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from esper.telemetry.events import HeadChoice, LastAction, NamedValue
from esper_tui.state.metrics import MISSING, NOT_APPLICABLE, format_number
from esper_tui.state.snapshot import CockpitSnapshot, EnvRow
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad, pad_left, strong, wrap
from esper_tui.widgets.vocabulary import HEAD_WORDS, short_op

RESIDUE: Final = 1e-6
"""Reward terms that miss the reward by more than this share of it do not add up."""

HEAD_WIDTH, NUMBER_WIDTH, LEGAL_WIDTH = 8, 4, 6
ROW_LABEL: Final = 6


def decision_lines(row: EnvRow, max_epochs: int, width: int, *, group: str = "") -> list[Line]:
    """Every figure of one decision, from what was recorded with it.

    group: named beside the env, where several are.
    """
    lines = [_env_line(row, max_epochs, group)]
    decision = row.decision
    if decision is None:
        waiting = "no decision in this episode yet: the first follows its first host epoch"
        return [*lines, *wrap([dim(word) for word in waiting.split()], width, gap=" ")]
    lines += _outcome_lines(decision, width)
    lines.append(_head_titles(width))
    lines += [_head_line(head, width) for head in _op_first(decision.heads)]
    return lines + _context_lines(decision, width)


def _env_line(row: EnvRow, max_epochs: int, group: str) -> Line:
    epoch = MISSING if row.epoch is None else f"{row.epoch}/{max_epochs}"
    best = format_number(row.best_accuracy, 1)
    growth = f"×{row.growth:.2f}" if row.growth is not None else ""
    name = f"env {row.env_id:02d} {group}".rstrip()
    return line(strong(name), label("  e "), epoch, label("  best "), best, dim(f"  {growth}"))


def _outcome_lines(decision: LastAction, width: int) -> list[Line]:
    where = "" if decision.op == "WAIT" else f" {decision.slot_id}"
    took = strong(pad(f"{short_op(decision.op)}{where}", 10))
    if decision.success:
        return [line(label(pad("took", ROW_LABEL)), took, Span("✓ done", Role.GOOD), dim(f"  e{decision.epoch}"))]
    reason = (decision.refusal or "no reason was recorded").split()
    refused = Span("✗ refused:", Role.WARNING)
    first = line(label(pad("took", ROW_LABEL)), took, refused, dim(f"  e{decision.epoch}"))
    return [first, *wrap([Span(word, Role.WARNING) for word in reason], width, gap=" ")]


def _op_first(heads: Sequence[HeadChoice]) -> list[HeadChoice]:
    return sorted(heads, key=lambda head: head.head != "op")


def _choice_width(width: int) -> int:
    return max(6, width - HEAD_WIDTH - 2 * NUMBER_WIDTH - LEGAL_WIDTH - 4)


def _head_titles(width: int) -> Line:
    text = f"{pad('head', HEAD_WIDTH)} {pad('chosen', _choice_width(width))} {'p':>4} {'H':>4} {'legal':<6}"
    return (label(text),)


def _head_line(head: HeadChoice, width: int) -> Line:
    """A head that the op does not use is dimmed: its choice is a placeholder."""
    name = pad(HEAD_WORDS.get(head.head, head.head), HEAD_WIDTH)
    room = _choice_width(width)
    if not head.relevant:
        nothing = pad_left(NOT_APPLICABLE, NUMBER_WIDTH)
        return (dim(f"{name} {pad(f'{NOT_APPLICABLE} not used', room)} {nothing} {nothing} {NOT_APPLICABLE}"),)
    legal = pad(f"{head.legal}/{head.size}{'m' if head.masked else ''}", LEGAL_WIDTH)
    return line(
        label(f"{name} "),
        pad(head.choice.lower(), room),
        f" {_share(head.probability)} {_share(head.entropy)} ",
        Span(legal, Role.ACCENT if head.masked else Role.TEXT),
    )


def _share(value: float) -> str:
    """A number in four cells, for example .712 or 1.38."""
    text = format_number(value, 3 if abs(value) < 1 else 2)
    return pad_left(text.replace("0.", ".", 1) if text.startswith("0.") else text, NUMBER_WIDTH)


def _context_lines(decision: LastAction, width: int) -> list[Line]:
    others = "  ".join(f"{short_op(other.op)} {_share(other.probability)}" for other in decision.alternatives)
    legal = " ".join(short_op(op) for op in decision.legal_ops)
    value = format_number(decision.value_estimate, 2, signed=True)
    reward = format_number(decision.reward, 3, signed=True)
    total = format_number(decision.episode_reward, 2, signed=True)
    return [
        line(label(pad("else", ROW_LABEL)), others or NOT_APPLICABLE),
        line(label(pad("legal", ROW_LABEL)), legal),
        line(label("V(s) "), value, label("  r "), reward, label("  return "), total),
        *_reward_lines(decision.reward_terms, decision.reward, width),
    ]


def _reward_lines(terms: Sequence[NamedValue], reward: float, width: int) -> list[Line]:
    """The terms that are not zero, and whether all of them add up to the reward."""
    values = [term.value for term in terms if term.value is not None]
    total = math.fsum(values) if all(math.isfinite(value) for value in values) else math.nan
    adds_up = abs(total - reward) <= RESIDUE * max(1.0, abs(reward))
    if adds_up:
        check = Span(f"Σ {format_number(total, 3, signed=True)} = r ✓", Role.GOOD)
    else:
        check = Span(f"Σ {format_number(total, 3, signed=True)} ≠ r ✗", Role.CRITICAL)
    shown = [
        Span(f"{term.name.replace('_', ' ')} {format_number(term.value, 3, signed=True)}")
        for term in sorted(terms, key=lambda term: -abs(term.value or 0.0))
        if term.value
    ]
    return wrap([check, *shown], width)


class DecisionPanel(LinePanel):
    """Follows the cursor of the env table."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[CockpitSnapshot, int | None] | None = None

    def show_env(self, snapshot: CockpitSnapshot, env_id: int | None) -> None:
        self._shown = (snapshot, env_id)
        row = next((row for row in snapshot.envs if row.env_id == env_id), None)
        if row is None or snapshot.run is None:
            self.show(wrap([dim(word) for word in ["no", "env", "yet"]], self.size.width, gap=" "))
            return
        group = snapshot.group_of(env_id).group_id if len(snapshot.groups) > 1 else ""
        self.show(decision_lines(row, snapshot.run.max_epochs, self.size.width, group=group)[: self.size.height])

    def resized(self) -> None:
        if self._shown is not None:
            self.show_env(*self._shown)
