"""What happened in one env's episode: lineage of the seeds, gates, stages, alarms."""

from __future__ import annotations

from typing import ClassVar

from esper.contracts.stages import COOLDOWN_STAGES
from esper.telemetry.events import SeedFossilized, SeedGateEvaluated, SeedGerminated, SeedPruned, SlotSnapshot
from esper_tui.sources.base import Frame
from esper_tui.state.describe import describe
from esper_tui.state.episode import EpisodeView, SeedMark
from esper_tui.state.habits import habits
from esper_tui.state.metrics import MISSING, format_count, format_number
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import LEVEL_ROLES, Line, Role, Span, dim, label, line, pad, wrap
from esper_tui.widgets.vocabulary import short_module


def history_lines(episode: EpisodeView, epoch: int, width: int) -> list[Line]:
    """Newest first, up to the cursor."""
    lines: list[Line] = []
    for slot_id in episode.slot_ids:
        lines += _lineage(episode, slot_id, epoch, width)
    for habit in habits(episode, epoch):
        lines += wrap([Span("●", Role.WARNING), *[Span(word, Role.WARNING) for word in habit.split()]], width, gap=" ")
    if episode.rollback is not None and episode.rollback.epoch <= epoch:
        words = describe(episode.rollback)
        assert words is not None, "a rollback has words"
        lines += _entry(episode.rollback.epoch, words.word, words.text, LEVEL_ROLES[words.level], width)
    for alarm in reversed([one for one in episode.alarms if one.epoch is None or one.epoch <= epoch]):
        words = describe(alarm)
        assert words is not None, "an alarm has words"
        lines += _entry(alarm.epoch, words.word, words.text, LEVEL_ROLES[words.level], width)
    for mark in reversed([one for one in episode.seeds if one.epoch <= epoch]):
        lines += _mark(mark, width)
    if episode.outcome is not None and episode.last_epoch == epoch:
        words = describe(episode.outcome)
        assert words is not None, "an outcome has words"
        lines += _entry(epoch, words.word, words.text, Role.STRONG, width)
    return lines or [line(dim("nothing has happened to a seed of this env in this episode yet"))]


def _entry(epoch: int | None, word: str, text: str, role: Role, width: int) -> list[Line]:
    when = "    " if epoch is None else f"e{epoch:03d}"
    first, *rest = wrap([Span(part) for part in text.split()] or [Span("")], max(20, width - 16), gap=" ")
    return [line(dim(f"{when} "), Span(pad(word, 10), role), " ", *first), *[line(" " * 16, *more) for more in rest]]


def _mark(mark: SeedMark, width: int) -> list[Line]:
    payload = mark.payload
    if isinstance(payload, SeedGateEvaluated):
        passed = sum(check.passed for check in payload.checks)
        failed = [check for check in payload.checks if not check.passed]
        text = f"{payload.slot_id} {payload.gate.name} to {payload.target_stage.name.lower()}: "
        text += f"{'pass' if payload.passed else 'not passed'} {passed}/{len(payload.checks)}"
        for check in failed:
            text += f" · {check.name}"
        return _entry(mark.epoch, "gate", text, Role.GOOD if payload.passed else Role.LABEL, width)
    words = describe(payload)
    if words is None:
        return []
    role = Role.GOOD if isinstance(payload, SeedFossilized) else Role.ACCENT
    return _entry(mark.epoch, words.word, words.text, role, width)


def _lineage(episode: EpisodeView, slot_id: str, epoch: int, width: int) -> list[Line]:
    """The life of the seed that is in a slot now."""
    seed = episode.slot_at(epoch, slot_id)
    if seed is None or seed.stage in COOLDOWN_STAGES:
        return []
    born = next(
        (
            mark
            for mark in reversed(episode.seeds)
            if isinstance(mark.payload, SeedGerminated) and mark.payload.seed_id == seed.seed_id
        ),
        None,
    )
    pieces = [label("lineage"), Span(f"{slot_id} {short_module(seed.blueprint)}:")]
    if born is not None and isinstance(born.payload, SeedGerminated):
        kind = born.payload
        blend = MISSING if kind.alpha_algorithm is None else kind.alpha_algorithm.name.lower()
        goal = MISSING if kind.alpha_target is None else f"{100 * kind.alpha_target:.0f} %"
        pieces.append(Span(f"planted e{born.epoch:03d} · {blend},"))
        pieces.append(Span(f"{kind.alpha_curve.name.lower()}, goal {goal}"))
    pieces.append(Span(f"· {_seed_words(seed)}"))
    cuts = sum(
        isinstance(mark.payload, SeedPruned) and mark.payload.slot_id == slot_id and mark.epoch <= epoch
        for mark in episode.seeds
    )
    if cuts:
        pieces.append(dim(f"· {cuts} cut here before"))
    return wrap(pieces, width, gap=" ")


def _seed_words(seed: SlotSnapshot) -> str:
    worth = format_number(seed.contribution, 1, signed=True)
    return (
        f"{seed.stage.name.lower()} {seed.epochs_in_stage}e of {seed.epochs_total}e · α {100 * seed.alpha:.0f} % · "
        + (f"{format_count(seed.params)} params · brings {worth} pts")
    )


class HistoryPanel(FigurePanel):
    """Scrolls; reads the cursor of the page."""

    TITLE: ClassVar = "HISTORY · lineage · gates · alarms"
    HINT: ClassVar = "newest first"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        episode, epoch = focus.shown_episode(frame), focus.shown_epoch(frame)
        if episode is None or epoch is None:
            return [line(dim("no host epoch of this episode yet"))]
        return history_lines(episode, epoch, width)
