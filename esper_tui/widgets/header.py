"""The two top rows: the state of the run, and what needs attention."""

from __future__ import annotations

from typing import Final

from esper.telemetry.events import AnomalyDetected
from esper_tui.sources.base import Frame, Mode
from esper_tui.state.describe import anomaly_level
from esper_tui.state.metrics import MISSING, POLICY_METRICS, format_count, format_duration, format_number
from esper_tui.state.rules import LEVEL_SIGNS, Level, judge
from esper_tui.state.snapshot import CockpitSnapshot, GroupFigures, Progress
from esper_tui.widgets.line_panel import LinePanel
from esper_tui.widgets.text import LEVEL_ROLES, Line, Role, Span, dim, label, line, meter, pad, spread, strong

MODE_SIGNS: Final[dict[Mode, tuple[str, Role]]] = {
    Mode.STARTING: ("○", Role.ACCENT),
    Mode.LIVE: ("●", Role.GOOD),
    Mode.VIEW_PAUSED: ("‖", Role.WARNING),
    Mode.TRAINING_PAUSED: ("‖", Role.WARNING),
    Mode.STOPPING: ("□", Role.WARNING),
    Mode.REPLAY: ("‖", Role.ACCENT),
    Mode.REPLAY_PLAYING: ("▶", Role.ACCENT),
    Mode.ENDED_FINISHED: ("■", Role.GOOD),
    Mode.ENDED_STOPPED: ("■", Role.WARNING),
    Mode.ENDED_FAILED: ("▲", Role.CRITICAL),
    Mode.SCREEN_FAILED: ("▲", Role.CRITICAL),
}


def header_line(frame: Frame, width: int) -> Line:
    """State, task and progress at the left; speed, what is left and missed pictures at the right."""
    snapshot, status = frame.snapshot, frame.status
    sign, role = MODE_SIGNS[status.mode]
    left = line(" ", Span(f"{sign} {status.mode.value}", role), "  ", *_run_words(snapshot, width))
    return spread(left, _speed_words(snapshot.progress, status.dropped, width), width)


def _run_words(snapshot: CockpitSnapshot, width: int) -> Line:
    run, progress = snapshot.run, snapshot.progress
    if run is None:
        return (dim("waiting for the run's first event"),)
    batch = f"{progress.batch if progress.batch is not None else run.start_batch}/{run.max_batches}"
    epoch = f"{progress.epoch or 0:0{len(str(run.max_epochs))}d}/{run.max_epochs}"
    share = progress.share_done or 0.0
    modes = "/".join(dict.fromkeys(group.reward_mode for group in run.groups)) or run.reward_mode
    name = f"{run.task} {modes}" if width >= 120 else run.task
    bar = meter(share, 8 if width >= 120 else 4)
    return line(
        strong(name),
        dim(" │ "),
        label("round "),
        f"{pad(batch, 2 * len(str(run.max_batches)) + 1)} ",
        Span(bar, Role.BAR),
        f" {100 * share:3.0f}% ",
        label("epoch "),
        epoch,
    )


def _speed_words(progress: Progress, dropped: int, width: int) -> Line:
    now, mean = _rate(progress.rate_now), _rate(progress.rate_mean)
    eta = format_duration(progress.eta_seconds)
    missed = Span(f"drop {dropped}", Role.WARNING if dropped else Role.DIM)
    if width < 120:
        return line(f"{now}/s ", label("ETA "), f"{eta} ", missed, " ")
    return line(
        f"{now} ", label("env-epochs/s "), dim(f"mean {mean} │ "), label("ETA "), f"{eta:>6}", dim(" │ "), missed, " "
    )


def _rate(rate: float | None) -> str:
    if rate is None:
        return MISSING
    return f"{rate:.1f}" if rate < 100 else format_count(rate)


def alerts(snapshot: CockpitSnapshot) -> list[tuple[Level, str]]:
    """What needs attention, worst first: the trainer's own alarms, then envs, then the policy's limits."""
    found: list[tuple[Level, str]] = []
    for alarm in snapshot.anomalies:
        found.append((anomaly_level(alarm), _alarm_text(alarm)))
    for row in snapshot.envs:
        if row.level is not Level.FINE:
            found.append((row.level, f"env{row.env_id:02d} {row.status.value}"))
    for group in snapshot.groups:
        name = f"{group.group_id} " if len(snapshot.groups) > 1 else ""
        found += [(level, name + text) for level, text in _policy_alerts(group)]
    return sorted(found, key=lambda alert: -alert[0])


def _policy_alerts(group: GroupFigures) -> list[tuple[Level, str]]:
    found: list[tuple[Level, str]] = []
    for entry in POLICY_METRICS if group.updates else ():
        name, value = entry.metric.name, entry.read(group.updates[-1])
        first = entry.read(group.updates[0])
        verdict = judge(name, value, reference=first or 0.0, samples=len(group.updates))
        if verdict.level is not Level.FINE:
            text = f"{entry.metric.label} {format_number(value, entry.metric.decimals)} {verdict.words[4:]}"
            found.append((verdict.level, text.rstrip()))
    return found


def _alarm_text(alarm: AnomalyDetected) -> str:
    env = None if alarm.env_id is None else f"env{alarm.env_id:02d}"
    where = [part for part in (env, alarm.slot_id, alarm.head) if part is not None]
    return " ".join([*where, alarm.rule.replace("_", " "), f"{alarm.value:.3g}"])


def alert_line(frame: Frame, width: int) -> Line:
    """Counts by severity, then as many alerts as fit."""
    snapshot = frame.snapshot
    found = alerts(snapshot)
    if not found:
        updated = any(group.updates for group in snapshot.groups)
        checked = "envs and policy" if updated else "envs; the policy is checked after its first update"
        checked = "envs; there is no policy" if snapshot.has_no_policy else checked
        return (dim(f"   no alerts · {checked}" if snapshot.run else ""),)
    pieces: list[Span] = [Span(" ")]
    for level in (Level.CRITICAL, Level.WARNING):
        words = [text for other, text in found if other is level]
        if words:
            pieces.append(Span(f"{LEVEL_SIGNS[level]}{len(words)} {' · '.join(words)}   ", LEVEL_ROLES[level]))
    return tuple(pieces)


class HeaderPanel(LinePanel):
    """Both rows."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._frame: Frame | None = None

    def show_frame(self, frame: Frame) -> None:
        self._frame = frame
        width = self.size.width
        self.show([header_line(frame, width), alert_line(frame, width)])

    def resized(self) -> None:
        if self._frame is not None:
            self.show_frame(self._frame)
