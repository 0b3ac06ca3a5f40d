"""The two top rows: the state of the run, and what needs attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from esper_tui.sources.base import Frame, Mode
from esper_tui.state.alerts import Alert
from esper_tui.state.metrics import MISSING, format_count, format_duration
from esper_tui.state.rules import LEVEL_SIGNS, Level
from esper_tui.state.snapshot import CockpitSnapshot, Progress
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import (
    LEVEL_ROLES,
    Line,
    Role,
    Span,
    dim,
    label,
    line,
    meter,
    pad,
    spread,
    strong,
    width_of,
)

MODE_SIGNS: Final[dict[Mode, tuple[str, Role]]] = {
    Mode.STARTING: ("○", Role.ACCENT),
    Mode.CATCHING_UP: ("○", Role.ACCENT),
    Mode.LIVE: ("●", Role.GOOD),
    Mode.SILENT: ("●", Role.WARNING),
    Mode.VIEW_PAUSED: ("‖", Role.WARNING),
    Mode.TRAINING_PAUSED: ("‖", Role.WARNING),
    Mode.STOPPING: ("□", Role.WARNING),
    Mode.REPLAY: ("‖", Role.ACCENT),
    Mode.REPLAY_PLAYING: ("▶", Role.ACCENT),
    Mode.ENDED_FINISHED: ("■", Role.GOOD),
    Mode.ENDED_STOPPED: ("■", Role.WARNING),
    Mode.ENDED_FAILED: ("▲", Role.CRITICAL),
    Mode.CUT_OFF: ("▲", Role.WARNING),
    Mode.SCREEN_FAILED: ("▲", Role.CRITICAL),
}


GROUP_FROM: Final = 3
"""From so many alerts of one word and level on, they are shown as one."""


def header_line(frame: Frame, width: int) -> Line:
    """State, task and progress at the left; speed, what is left and missed pictures at the right."""
    snapshot, status = frame.snapshot, frame.status
    sign, role = MODE_SIGNS[status.mode]
    right = _speed_words(frame, width)
    silence = "" if status.silent_seconds is None else f" {status.silent_seconds} s"
    state = line(" ", Span(f"{sign} {status.mode.value}{silence}", role), "  ")
    room = width - width_of(state) - width_of(right) - 1
    return spread(line(*state, *_run_words(snapshot, room)), right, width)


def _run_words(snapshot: CockpitSnapshot, room: int) -> Line:
    """Round and epoch always; the task gives way before they do."""
    run, progress = snapshot.run, snapshot.progress
    if run is None:
        return (dim("waiting for the run's first event"),)
    batch = f"{progress.batch if progress.batch is not None else run.start_batch}/{run.max_batches}"
    epoch = f"{progress.epoch or 0:0{len(str(run.max_epochs))}d}/{run.max_epochs}"
    share = progress.share_done or 0.0
    place = line(
        label("round "),
        f"{pad(batch, 2 * len(str(run.max_batches)) + 1)} ",
        Span(meter(share, 8 if room >= 60 else 4), Role.BAR),
        f" {100 * share:3.0f}% ",
        label("epoch "),
        epoch,
    )
    modes = "/".join(dict.fromkeys(group.reward_mode for group in run.groups)) or run.reward_mode
    left = room - width_of(place) - 3
    name = f"{run.task} {modes}" if left >= len(run.task) + 1 + len(modes) else run.task
    return line(strong(pad(name, min(len(name), left))), dim(" │ "), *place) if left >= 3 else place


def _speed_words(frame: Frame, width: int) -> Line:
    progress, dropped = frame.snapshot.progress, frame.status.dropped
    missed = [Span(f" drop {dropped}", Role.WARNING)] if dropped else []
    now, mean = _rate(progress.rate_now), _rate(progress.rate_mean)
    rate = [f"  {now}/s"] if width < 110 else [f"  {now} ", label("env-ep/s "), dim(f"(mean {mean})")]
    return line(*_time_words(frame, progress), *rate, *missed, " ")


def _time_words(frame: Frame, progress: Progress) -> Sequence[Span | str]:
    """What is left at the pace so far; of a run that has ended, how long it took."""
    ended = frame.snapshot.ended
    if ended is not None:
        return [label("took "), format_duration(ended.wall_seconds)]
    status = frame.status
    at_end = status.overview is not None and status.share_read == 1.0 and status.position == status.length
    if at_end or status.mode is Mode.CUT_OFF:
        return [Span("no end was recorded", Role.WARNING)]
    return [label("left "), f"{format_duration(progress.eta_seconds):>5}"]


def _rate(rate: float | None) -> str:
    if rate is None:
        return MISSING
    return f"{rate:.1f}" if rate < 100 else format_count(rate)


def alert_words(alerts: Sequence[Alert]) -> list[tuple[Level, str]]:
    """One entry an alert, worst first; many of the same word and level are counted."""
    words: list[tuple[Level, str]] = []
    counted: set[tuple[Level, str]] = set()
    for alert in alerts:
        same = [one for one in alerts if (one.level, one.word) == (alert.level, alert.word)]
        if len(same) >= GROUP_FROM and alert.env_id is not None:
            if (alert.level, alert.word) not in counted:
                counted.add((alert.level, alert.word))
                words.append((alert.level, f"{alert.word} ×{len(same)}"))
            continue
        who = "" if alert.who == "policy" else f"{alert.who} "
        words.append((alert.level, f"{who}{alert.word} {alert.text}"))
    return words


def alert_line(frame: Frame, alerts: Sequence[Alert], width: int) -> Line:
    """Counts by severity, then as many alerts as fit.

    alerts: those to show, acknowledged and muted ones left out.
    """
    snapshot = frame.snapshot
    if not alerts:
        updated = any(group.updates for group in snapshot.groups)
        checked = "envs and policy" if updated else "envs; the policy is checked after its first update"
        checked = "envs; there is no policy" if snapshot.has_no_policy else checked
        quiet = len(snapshot.alerts)
        text = f"   {quiet} acknowledged or muted" if quiet else f"   no alerts · {checked}"
        return (dim(text if snapshot.run else ""),)
    words = alert_words(alerts)
    pieces: list[Span] = [Span(" ")]
    for level in (Level.CRITICAL, Level.WARNING):
        count = sum(alert.level is level for alert in alerts)
        if count:
            texts = " · ".join(text for other, text in words if other is level)
            pieces.append(Span(f"{LEVEL_SIGNS[level]}{count} {texts}   ", LEVEL_ROLES[level]))
    hint = dim(" A list  [ ] jump ")
    return spread(tuple(pieces), (hint,), width)


class HeaderPanel(LinePanel):
    """Both rows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Frame, Sequence[Alert]] | None = None

    def show_frame(self, frame: Frame, alerts: Sequence[Alert]) -> None:
        """alerts: those to show."""
        self._shown = (frame, alerts)
        width = self.size.width
        self.show([header_line(frame, width), alert_line(frame, alerts, width)])

    def resized(self) -> None:
        if self._shown is not None:
            self.show_frame(*self._shown)
