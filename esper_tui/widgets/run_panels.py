"""The panels of the runs screen: the rounds of each group, their difference, and the best and worst episodes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import ClassVar, Final

from esper.telemetry.events import BatchStats, OutcomeType
from esper_tui.sources.base import Frame
from esper_tui.state.episode import EpisodeView
from esper_tui.state.metrics import format_number
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.chart import Series, chart_lines
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.fleet_panel import return_series
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.module_panels import spread_words
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad_left

GROUP_ROLES: Final = (Role.BAR, Role.TRAINING, Role.GOOD, Role.ACCENT)


def round_line(one: BatchStats, previous: BatchStats | None) -> Line:
    """One round of one group."""
    change = None if previous is None else one.avg_accuracy - previous.avg_accuracy
    return line(
        f"r{one.batch:<4d} {one.avg_accuracy:5.1f} {pad_left(format_number(change, 1, signed=True), 6)} ",
        f"{one.best_accuracy:5.1f} {pad_left(format_number(one.avg_test_accuracy, 1), 5)} ",
        f"{pad_left(format_number(one.avg_return, 1, signed=True), 8)} ",
        f"{one.seeds_created:3d} {one.seeds_fossilized:4d} {one.seeds_pruned:3d} ",
        Span(f"{one.rollbacks:4d}", Role.CRITICAL if one.rollbacks else Role.DIM),
    )


def pair_lines(snapshot: CockpitSnapshot) -> list[Line]:
    """What the second group gained over the first, env by env, the newest round first."""
    if not snapshot.pairs:
        return []
    newest = snapshot.pairs[-1]
    lines = [line(label(f"{newest.second} − {newest.first}, final accuracy, points ± 95 % over pairs of envs"))]
    for one in reversed(snapshot.pairs):
        clear = one.difference is not None and abs(one.difference.mean) > (one.difference.half_width or math.inf)
        pairs = 0 if one.difference is None else one.difference.count
        words = pad_left(spread_words(one.difference), 12)
        lines.append(
            line(f"r{one.batch:<4d} ", Span(words, Role.STRONG if clear else Role.TEXT), dim(f"  {pairs} pairs"))
        )
    return [*lines, ()]


class RoundsPanel(FigurePanel):
    """Every round, the newest first, group by group."""

    TITLE: ClassVar = "ROUNDS · accuracy %, return, seeds, rollbacks"
    HINT: ClassVar = "newest first"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        titles = f"{'round':5} {'acc%':>5} {'change':>6} {'best':>5} {'test':>5} {'return':>8} {'new':>3} {'kept':>4}"
        lines = pair_lines(frame.snapshot)
        for group in frame.snapshot.groups:
            if len(frame.snapshot.groups) > 1:
                lines.append(line(Span(group.group_id, Role.STRONG)))
            lines.append(line(label(f"{titles} {'cut':>3} {'back':>4}")))
            rounds = group.rounds
            lines += [
                round_line(rounds[index], rounds[index - 1] if index else None)
                for index in reversed(range(len(rounds)))
            ]
        return (
            lines
            if any(group.rounds for group in frame.snapshot.groups)
            else [line(dim("awaiting the end of round 1"))]
        )


def group_series(snapshot: CockpitSnapshot) -> list[Series]:
    """Mean accuracy of each group by round."""
    return [
        Series(
            name=group.group_id,
            values=[one.avg_accuracy for one in group.rounds],
            role=GROUP_ROLES[index % len(GROUP_ROLES)],
        )
        for index, group in enumerate(snapshot.groups)
    ]


class AccuracyByRound(FigurePanel):
    """One curve a group."""

    TITLE: ClassVar = "ACCURACY % by round"

    def title(self, frame: Frame, focus: Focus) -> tuple[str, str]:
        names = " · ".join(group.group_id for group in frame.snapshot.groups) if len(frame.snapshot.groups) > 1 else ""
        return f"{self.TITLE} {names}".rstrip(), focus.view.words

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        series = group_series(frame.snapshot)
        length = max((len(one.values) for one in series), default=0)
        if not length:
            return [line(dim("awaiting the end of round 1"))]
        return chart_lines(series, width, height, x_end=max(2, length), view=focus.view)


class ReturnByRound(FigurePanel):
    """Mean and percentiles of the group at the cursor."""

    TITLE: ClassVar = "RETURN by round · mean, p10, p90"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        rounds = focus.group(frame).rounds
        if not rounds:
            return [line(dim("awaiting the end of round 1"))]
        chart = chart_lines(return_series(rounds), width, height - 1, x_end=max(2, len(rounds)), view=focus.view)
        return [spread_line(focus.group(frame).returns), *chart]


def spread_line(returns: Sequence[float]) -> Line:
    """How the returns of the newest round's episodes lie, beyond their mean; skew is the third moment in σ³."""
    finite = [value for value in returns if math.isfinite(value)]
    if len(finite) < 3:
        return line(label("newest round "), dim(f"{len(finite)} episodes are over"))
    mean, spread = statistics.fmean(finite), statistics.pstdev(finite)
    skew = statistics.fmean([((value - mean) / spread) ** 3 for value in finite]) if spread > 0 else None
    return line(
        label(f"newest round, {len(finite)} episodes: "),
        f"p50 {format_number(statistics.median(finite), 1, signed=True)}  σ {format_number(spread, 1)}  ",
        f"skew {format_number(skew, 2, signed=True)}",
    )


EPISODE_WIDTH: Final = 48
"""Cells of an episode's figures, before the word for its end."""


def episode_line(episode: EpisodeView, width: int) -> Line:
    """One finished episode; how it ended is a word where there is room, and otherwise a sign for a rollback."""
    outcome = episode.outcome
    assert outcome is not None, "only finished episodes are listed"
    rolled_back = outcome.outcome is OutcomeType.ROLLBACK
    word = outcome.outcome.value if width >= EPISODE_WIDTH + len("rollback") else "▲" if rolled_back else ""
    return line(
        label(f"r{episode.batch} env{episode.env_id:02d} "),
        f"{outcome.final_accuracy:5.1f} {outcome.best_accuracy:5.1f} e{episode.peak_epoch:<3d} ",
        f"{format_number(outcome.episode_reward, 1, signed=True):>7} {outcome.param_ratio:5.2f} ",
        f"{outcome.num_fossilized:4d} {outcome.prunes:3d} ",
        Span(word, Role.CRITICAL if rolled_back else Role.TEXT),
    )


def listed_episodes(snapshot: CockpitSnapshot) -> Sequence[EpisodeView]:
    """In the order in which the panel lists them, and in which Enter counts."""
    return (*snapshot.ledger.best, *snapshot.ledger.worst)


class EpisodeTable(LineTable):
    """The best and the worst finished episodes of the run; Enter opens one at its peak."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[Frame, Focus] | None = None

    def show_frame(self, frame: Frame, focus: Focus) -> None:
        """Bring the table up to date."""
        self._shown = (frame, focus)
        if not self.display or not self.size.height:
            return
        ledger = frame.snapshot.ledger
        self.set_title(f"EPISODES · best and worst of {ledger.episodes}", "⏎ opens one at its peak")
        episodes, best = listed_episodes(frame.snapshot), len(ledger.best)

        def cells(place: int) -> Line:
            return line(
                label("best  " if place < best else "worst "), *episode_line(episodes[place], self.size.width - 7)
            )

        words = f"{'':15}final%  best peak return ×host kept cut" if episodes else "no episode is over yet"
        self.show_rows(line(label(words)), range(len(episodes)), cells)

    def resized(self) -> None:
        if self._shown is not None:
            self.show_frame(*self._shown)
