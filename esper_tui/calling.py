"""Calls the user who looks elsewhere: the terminal's bell for a new alert, and its title for where the run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from esper_tui.settings import Settings
from esper_tui.state.alerts import Alert
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import CockpitSnapshot

_BELL: Final = "\a"
_KEEP_TITLE: Final = "\x1b[22;2t"
_RESTORE_TITLE: Final = "\x1b[23;2t"
_LOUD: Final = {"critical": Level.CRITICAL, "warning": Level.WARNING}


class Caller:
    """Writes to the terminal what the user's settings ask for, beside the picture."""

    def __init__(self, settings: Settings, write: Callable[[str], None]) -> None:
        """write: sends control codes to the terminal."""
        self._settings = settings
        self._write = write
        self._heard: set[tuple[str, int]] = set()
        self._title = ""

    def tell(self, snapshot: CockpitSnapshot, alerts: Sequence[Alert]) -> None:
        """Ring once if there are new alerts, and bring the title up to date.

        alerts: those that the user did not put out of sight.
        """
        limit = _LOUD.get(self._settings.bell)
        if limit is not None:
            loud = {(alert.key, alert.position) for alert in alerts if alert.level >= limit}
            if loud - self._heard:
                self._write(_BELL)
            self._heard |= loud
        if self._settings.title:
            self._show_title(title_text(snapshot, len(alerts)))

    def _show_title(self, title: str) -> None:
        if title == self._title:
            return
        if not self._title:
            self._write(_KEEP_TITLE)
        self._title = title
        self._write(f"\x1b]2;{title}\a")

    def leave(self) -> None:
        """Give the terminal its own title back."""
        if self._title:
            self._write(_RESTORE_TITLE)
            self._title = ""


def title_text(snapshot: CockpitSnapshot, alerts: int) -> str:
    """The run in a few words: alerts first, since a narrow tab shows no more."""
    parts = [f"! {alerts}"] if alerts else []
    parts.append("esper")
    if snapshot.ended is not None:
        parts.append(snapshot.ended.end.value)
    elif snapshot.run is not None and snapshot.progress.batch is not None:
        parts.append(f"round {snapshot.progress.batch}/{snapshot.run.max_batches}")
    rounds = snapshot.groups[0].rounds if snapshot.groups else ()
    if rounds:
        parts.append(f"{rounds[-1].avg_accuracy:.1f} %")
    return " · ".join(parts)
