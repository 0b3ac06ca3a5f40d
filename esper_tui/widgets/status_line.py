"""The bottom rows: what is recorded, or where in the recording the screen is, and the keys."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

from esper_tui.key_rows import Key, written_first
from esper_tui.sources.base import Frame, Mode, SourceStatus
from esper_tui.sources.overview import Overview
from esper_tui.state.metrics import format_count, format_duration
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import BLOCKS, Line, Role, Span, cut, dim, label, line, own_scale, pad, spread, strong

MODE_WIDTH = 10


def status_line(frame: Frame, width: int, *, pauses: bool) -> Line:
    """Live: what is recorded where, and what a held view misses. Replay: position, speed and how the recording ends.

    pauses: there is a key that pauses training and lets it go on.
    """
    if frame.status.speed is not None:
        return replay_line(frame, width)
    sign = "◎ WATCH " if frame.status.watched else "◉ REC "
    left = line(" ", Span(sign, Role.ACCENT), *_live_words(frame, pauses=pauses))
    when = frame.snapshot.last_time
    clock = time.strftime("%H:%M:%S", time.localtime(when)) if when is not None else ""
    room = width - sum(len(span.text) for span in left) - len(clock) - 4
    origin = frame.status.origin
    shown = origin if len(origin) <= room else f"…{origin[len(origin) - room + 1 :]}" if room >= 12 else ""
    return spread(left, line(dim(f"{shown}  "), f"{clock} "), width)


_WORDS: Final = {
    Mode.CATCHING_UP: "reading what was recorded before ",
    Mode.SILENT: "its process is there, but records nothing ",
    Mode.CUT_OFF: "no end was recorded, and nobody writes the run: was it killed? ",
}
"""What is said of a run of another process instead of its number of events."""


def _live_words(frame: Frame, *, pauses: bool) -> Line:
    snapshot, status = frame.snapshot, frame.status
    if status.mode is Mode.SCREEN_FAILED:
        return line(Span("the figures stopped following; training and recording go on", Role.CRITICAL))
    if status.newer or status.mode is Mode.VIEW_PAUSED:
        return line(Span(f"view held, {status.newer:,} newer events ", Role.WARNING))
    if status.mode is Mode.TRAINING_PAUSED:
        return line(Span(f"training is paused{': p lets it go on' if pauses else ''} ", Role.WARNING))
    if status.mode is Mode.STOPPING and status.watched:
        return line(Span("training ends after this round, or before ", Role.WARNING))
    if status.mode is Mode.STOPPING:
        return line(Span("stopping after this round, then leaving; q offers to stop at once ", Role.WARNING))
    if status.mode in _WORDS:
        return line(Span(_WORDS[status.mode], Role.WARNING))
    counted = f"{format_count(status.length)} events, {format_count(snapshot.folded)} of them step events "
    return line(dim(counted + "folded"))


def replay_line(frame: Frame, width: int) -> Line:
    """Fixed columns: the position never gives way, what follows it does."""
    status, snapshot, overview = frame.status, frame.snapshot, frame.status.overview
    is_read = status.share_read == 1.0
    at_end = is_read and status.position == status.length
    playing = status.mode is Mode.REPLAY_PLAYING
    sign, word = _state_words(status, playing=playing, at_end=at_end)
    cut_off = at_end and overview is not None and not overview.has_end
    role = Role.WARNING if cut_off else Role.ACCENT
    run, progress = snapshot.run, snapshot.progress
    place = ""
    if run is not None:
        batch = f"r{progress.batch or run.start_batch:0{len(str(run.max_batches))}d}/{run.max_batches}"
        place = f"{batch} e{progress.epoch or 0:0{len(str(run.max_epochs))}d}/{run.max_epochs}  "
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.last_time)) if snapshot.last_time is not None else ""
    total = f"{status.length:,}"
    left = line(
        " ",
        Span(f"{'▲' if cut_off else sign} {pad(word, MODE_WIDTH)}", role),
        f"{place}{clock}  ",
        label("event "),
        f"{status.position:>{len(total)},}/{total}  ",
        f"×{_speed_word(status.speed):<5}",
    )
    room = width - sum(len(span.text) for span in left) - 1
    text = _end_words(frame, overview, cut_off)
    return spread(left, line(Span(cut(text, max(0, room)), Role.WARNING if cut_off else Role.DIM), " "), width)


def _state_words(status: SourceStatus, *, playing: bool, at_end: bool) -> tuple[str, str]:
    """A sign and a word; while the recording is being read, how far that has come."""
    if playing:
        return "▶", "PLAYING"
    if status.share_read < 1.0:
        return "…", f"READ {100 * status.share_read:3.0f}%"
    return ("■", "AT END") if at_end else ("‖", "PAUSED")


def _speed_word(speed: float | None) -> str:
    return "max" if speed == math.inf else f"{speed:g}"


def _end_words(frame: Frame, overview: Overview | None, cut_off: bool) -> str:
    snapshot, status = frame.snapshot, frame.status
    if cut_off:
        return "STOPS here: no end event; was the run killed?"
    if snapshot.ended is not None:
        return f"{snapshot.ended.end.value}: {snapshot.ended.batches_completed} rounds"
    if overview is None or snapshot.started_at is None or snapshot.last_time is None:
        return status.origin
    done = format_duration(snapshot.last_time - snapshot.started_at)
    return f"{done} of {format_duration(overview.seconds)}"


def bar_line(frame: Frame, width: int, bookmarks: Sequence[int] = ()) -> Line:
    """The whole recording: mean accuracy by position, ◆ the trainer's alarms, ★ bookmarks, ▼ where the screen is.

    bookmarks: their positions.
    """
    overview, status = frame.status.overview, frame.status
    if overview is None or not overview.length:
        return line(dim(" an empty recording"))
    low, high = own_scale(overview.accuracies)
    known = any(value is not None for value in overview.accuracies)
    ends = f"r{overview.last_batch} acc {low:.0f}–{high:.0f} %" if known else "no epoch yet"
    right = f"│{ends} ◆{len(overview.alarms)} alarms "
    room = max(4, width - len(right) - 5)
    here = min(room - 1, status.position * room // overview.length)
    marks = {min(room - 1, place * room // overview.length) for place in overview.alarms}
    cells = [_bar_cell(overview, cell, room, low, high, is_past=cell < here) for cell in range(room)]
    for mark in marks:
        cells[mark] = Span("◆", Role.WARNING)
    for place in bookmarks:
        cells[min(room - 1, place * room // overview.length)] = Span("★", Role.LABEL)
    cells[here] = Span("▼", Role.ACCENT)
    return line(dim(" r1 │"), *cells, dim(right))


def _bar_cell(overview: Overview, cell: int, room: int, low: float, high: float, *, is_past: bool) -> Span:
    count = len(overview.accuracies)
    start = cell * count // room
    part = overview.accuracies[start : max(start + 1, (cell + 1) * count // room)]
    values = [value for value in part if value is not None]
    if not values:
        return Span("·", Role.DIM)
    share = (sum(values) / len(values) - low) / (high - low) if high > low else 0.5
    return Span(BLOCKS[round(share * (len(BLOCKS) - 1))], Role.BAR if is_past else Role.DIM)


def footer_line(keys: Sequence[Key], width: int) -> Line:
    """As many keys as fit, in the key table's order, help and quit always.

    keys: that act here.
    """
    shown = [key for key in keys if key.footer]
    pieces = [(strong(written_first(key)), dim(f" {key.words}  ")) for key in shown]
    ends = [piece for key, piece in zip(shown, pieces, strict=True) if key.name in ("help", "quit")]
    others = [piece for key, piece in zip(shown, pieces, strict=True) if key.name not in ("help", "quit")]
    room = width - 1 - sum(len(span.text) for piece in ends for span in piece)
    row: list[Span] = [Span(" ")]
    for piece in others:
        size = sum(len(span.text) for span in piece)
        if size > room:
            break
        room -= size
        row += piece
    return (*row, *[span for piece in ends for span in piece])


class StatusPanel(LinePanel):
    """Two rows of a live run, three of a replay."""

    def __init__(self, *, keys: Sequence[Key], id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys = keys
        self._frame: Frame | None = None
        self._bookmarks: Sequence[int] = ()

    def show_frame(self, frame: Frame, bookmarks: Sequence[int] = ()) -> None:
        self._frame, self._bookmarks = frame, bookmarks
        width = self.size.width
        bar = [bar_line(frame, width, bookmarks)] if frame.status.overview is not None else []
        pauses = any(key.name == "pause" for key in self._keys)
        self.show([*bar, status_line(frame, width, pauses=pauses), footer_line(self._keys, width)])

    def resized(self) -> None:
        if self._frame is not None:
            self.show_frame(self._frame, self._bookmarks)
