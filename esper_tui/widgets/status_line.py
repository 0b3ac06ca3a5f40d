"""The two bottom rows: where in the recording the screen is, and the keys."""

from __future__ import annotations

import time

from esper_tui.keys import keys_for
from esper_tui.sources.base import Frame, Mode
from esper_tui.state.metrics import format_count
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, meter, spread, strong


def status_line(frame: Frame, width: int) -> Line:
    """Live: what is recorded where, and what a held view misses. Replay: position and speed."""
    status = frame.status
    if status.speed is None:
        left = line(" ", Span("◉ REC ", Role.ACCENT), *_live_words(frame))
    else:
        share = status.position / status.length if status.length else 0.0
        speed = f"×{status.speed:g}"
        left = line(
            " ",
            Span(meter(share, max(4, width // 5)), Role.BAR),
            f" event {status.position:,}/{status.length:,} ",
            label("speed "),
            f"{speed:6}",
        )
    when = frame.snapshot.last_time
    clock = time.strftime("%H:%M:%S", time.localtime(when)) if when is not None else ""
    origin = dim(f"{status.origin}  ") if width >= 100 else ""
    return spread(left, line(origin, f"{clock} "), width)


def _live_words(frame: Frame) -> Line:
    snapshot, status = frame.snapshot, frame.status
    if status.mode is Mode.SCREEN_FAILED:
        return line(Span("the figures stopped following; training and recording go on", Role.CRITICAL))
    if status.newer or status.mode is Mode.VIEW_PAUSED:
        return line(Span(f"view held, {status.newer:,} newer events; training goes on ", Role.WARNING))
    if status.mode is Mode.TRAINING_PAUSED:
        return line(Span("training is paused: p lets it go on ", Role.WARNING))
    if status.mode is Mode.STOPPING:
        return line(Span("stopping after this round, then leaving; q offers to stop at once ", Role.WARNING))
    counted = f"{format_count(status.length)} events, {format_count(snapshot.folded)} of them step events "
    return line(dim(counted + "folded"))


def footer_line(*, live: bool, width: int) -> Line:
    """As many keys as fit, in the key table's order, help and quit always."""
    keys = [key for key in keys_for(live=live) if key.footer]
    pieces: list[Span] = [Span(" ")]
    for key in keys:
        pieces += [strong(key.shown), dim(f" {key.words}  ")]
    ends: Line = ()
    if sum(len(piece.text) for piece in pieces) > width:
        ends = tuple(pieces[-4:])
        pieces = pieces[:-4]
    return spread(tuple(pieces), ends, width) if ends else tuple(pieces)


class StatusPanel(LinePanel):
    """Both rows."""

    def __init__(self, *, live: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._live = live
        self._frame: Frame | None = None

    def show_frame(self, frame: Frame) -> None:
        self._frame = frame
        width = self.size.width
        self.show([status_line(frame, width), footer_line(live=self._live, width=width)])

    def resized(self) -> None:
        if self._frame is not None:
            self.show_frame(self._frame)
