"""The panels of the system screen: time by phase, throughput, governor, rewards, masks, trends, what was printed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from esper.contracts.text import printable
from esper.process.console_log import last_lines
from esper_tui.sources.base import Frame
from esper_tui.state.describe import describe
from esper_tui.state.metrics import MISSING, format_duration, format_number
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import (
    LEVEL_ROLES,
    Line,
    Role,
    Span,
    dim,
    label,
    line,
    own_scale,
    pad,
    sparkline,
    strong,
    wrap,
)
from esper_tui.widgets.vocabulary import HEAD_WORDS


class PhasePanel(FigurePanel):
    """Where the newest round's time went."""

    TITLE: ClassVar = "TIME of the round by phase"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        throughputs = frame.snapshot.ledger.throughputs
        if not throughputs:
            return [line(dim("awaiting the end of round 1"))]
        newest = throughputs[-1]
        phases = sorted(newest.phases, key=lambda phase: -phase.milliseconds)
        total = sum(phase.milliseconds for phase in phases)
        lines = [line(label(f"round {newest.batch}  "), f"{newest.wall_ms / 1000:.2f} s wall")]
        if phases:
            share = 100 * phases[0].milliseconds / max(newest.wall_ms, 1e-9)
            lines[0] += (label("  mostly "), strong(phases[0].phase.replace("_", " ")), dim(f" {share:.0f} %"))
        for phase in phases:
            share = phase.milliseconds / max(newest.wall_ms, 1e-9)
            bar = "█" * round(min(1.0, share) * max(0, min(30, width - 44)))
            text = f"{pad(phase.phase.replace('_', ' '), 24)} {phase.milliseconds:9.1f} ms {100 * share:5.1f} %  "
            lines.append(line(text, Span(bar, Role.BAR)))
        rest = newest.wall_ms - total
        lines.append(
            line(dim(f"{'outside the phases':24} {rest:9.1f} ms {100 * rest / max(newest.wall_ms, 1e-9):5.1f} %"))
        )
        return lines


class ThroughputPanel(FigurePanel):
    """How fast the rounds ran."""

    TITLE: ClassVar = "THROUGHPUT"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        ledger, progress = frame.snapshot.ledger, frame.snapshot.progress
        lines = [
            line(label("env-epochs/s now   "), format_number(progress.rate_now, 1)),
            line(label("env-epochs/s mean  "), format_number(progress.rate_mean, 1)),
        ]
        if progress.eta_seconds is not None:
            paces = [progress.eta_seconds, progress.eta_now_seconds]
            known = sorted(pace for pace in paces if pace is not None)
            words = " to ".join(dict.fromkeys(format_duration(pace) for pace in known))
            lines.append(line(label("left               "), words, dim(" by the mean pace and the pace now")))
        lines.append(line(label("episodes           "), f"{ledger.episodes:,} are over"))
        if ledger.throughputs:
            newest = ledger.throughputs[-1]
            rates = [one.env_epochs_per_second for one in ledger.throughputs]
            room = max(0, min(30, width - 22))
            low, high = own_scale(rates[-room:])
            lines += [
                line(label("by round           "), Span(sparkline(rates, room, low, high).strip(), Role.BAR)),
                line(label("lowest, highest    "), f"{low:.1f}, {high:.1f}"),
                line(label("images/s           "), f"{newest.images_per_second:,.0f}"),
                line(label("host epoch         "), f"{newest.step_time_ms:.1f} ms of the fleet"),
                line(label("making minibatches "), f"{newest.dataloader_wait_ms:.1f} ms a round"),
                line(label("update             "), f"{newest.update_ms:.1f} ms a round"),
            ]
        if ledger.algorithm is not None:
            lines.append(line(label("stacked layers     "), f"{ledger.algorithm.algorithm}, {ledger.algorithm.source}"))
        lines.append(line(label("events             "), f"{frame.snapshot.events:,}"))
        lines.append(line(label("pictures dropped   "), f"{frame.status.dropped:,}"))
        return lines


class GovernorPanel(FigurePanel):
    """Every rollback, newest first."""

    TITLE: ClassVar = "GOVERNOR · rollbacks, newest first"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        rollbacks = frame.snapshot.ledger.rollbacks
        lines: list[Line] = []
        for one in reversed(rollbacks):
            words = describe(one)
            assert words is not None, "a rollback has words"
            place = f"r{one.batch} e{one.epoch:03d} env{one.env_id:02d}"
            penalty = format_number(one.penalty, 1, signed=True)
            text = [Span(word, LEVEL_ROLES[words.level]) for word in f"{words.text}, penalty {penalty}".split()]
            lines += wrap([label(place), *text], width, gap=" ")
        return lines or [line(dim("no rollback in this run so far"))]


class RewardHealthPanel(FigurePanel):
    """Which terms the rewards are made of, and what the trainer flagged."""

    TITLE: ClassVar = "REWARD HEALTH · mean of each term a step"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        ledger = frame.snapshot.ledger
        flagged = len(ledger.exploits)
        lines = [line(label("exploits flagged "), Span(str(flagged), Role.WARNING if flagged else Role.TEXT))]
        if not ledger.rewards:
            return [*lines, line(dim("awaiting the end of round 1"))]
        newest = ledger.rewards[-1]
        terms = [(term.name, term.value) for term in newest.mean_terms if term.value]
        total = sum(abs(value) for _, value in terms)
        for name, value in sorted(terms, key=lambda term: -abs(term[1])):
            share = 100 * abs(value) / total
            text = f"{pad(name.replace('_', ' '), 24)} {format_number(value, 4, signed=True):>10} {share:5.1f} %"
            lines.append(line(text))
        shaping = sum(abs(value) for name, value in terms if "pbrs" in name or "shaping" in name)
        share = f"{100 * shaping / total:.1f} %" if total else MISSING
        return [*lines, line(label("shaping, share of all terms' size "), share)]


class MaskPanel(FigurePanel):
    """How often the mask took choices away, and what trends were seen."""

    TITLE: ClassVar = "MASKS · share of decisions with fewer choices"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        ledger = frame.snapshot.ledger
        lines: list[Line] = []
        for head in ledger.masks.heads if ledger.masks else ():
            rate = MISSING if head.rate is None else f"{100 * head.rate:.0f} %"
            lines.append(
                line(label(pad(HEAD_WORDS.get(head.head, head.head), 10)), f"{rate:>6}", dim(f" of {head.decisions}"))
            )
        if not lines:
            lines.append(line(dim("awaiting the end of round 1")))
        for trend in reversed(ledger.trends):
            words = describe(trend)
            assert words is not None, "a trend has words"
            lines.append(line(label(f"r{trend.batch} "), Span(f"{words.word}: {words.text}", LEVEL_ROLES[words.level])))
        return lines


class PrintedPanel(FigurePanel):
    """What plug-ins and libraries printed, warned of and logged: the last lines that fit."""

    TITLE: ClassVar = "PRINTED · the end of console.log"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        printed = last_lines(Path(frame.status.origin))
        if not printed:
            return [line(dim("nothing was printed"))]
        return [line(printable(text)) for text in printed[-height:]]
