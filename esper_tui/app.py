"""The cockpit's application: its screens, its keys, and the worker thread of a live run."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from esper_tui.keys import KEYS, Where
from esper_tui.screens.envs import EnvsScreen
from esper_tui.screens.failure import FailureScreen
from esper_tui.screens.help import HelpScreen
from esper_tui.screens.leave import LeaveChoice, LeaveScreen
from esper_tui.sources.live import FRAME_SECONDS, Job, LiveSource
from esper_tui.sources.replay import ReplaySource

WIDTHS: Final[list[tuple[int, str]]] = [(0, "-too-narrow"), (80, "-compact"), (100, "-narrow"), (120, "-wide")]
HEIGHTS: Final[list[tuple[int, str]]] = [
    (0, "-too-short"),
    (24, "-short"),
    (30, "-medium"),
    (36, "-tall"),
    (44, "-very-tall"),
]


class Leaving(StrEnum):
    """How the user left the screen."""

    OVER = "over"
    DETACHED = "detached"


class CockpitApp(App[Leaving]):
    """Shows one source. The job of a live source runs in a thread worker of this app.

    The screen asks the source for a frame every quarter of a second, and draws only what has changed. While another
    layer covers it, it draws nothing.
    """

    CSS_PATH = "cockpit.tcss"
    TITLE = "esper"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.help, show=False, priority=True) for key in KEYS if key.priority
    ]

    def __init__(
        self,
        source: LiveSource | ReplaySource,
        *,
        job: Job | None = None,
        failure_log: str = "",
        frame_seconds: float = FRAME_SECONDS,
    ) -> None:
        """job: what a live source's worker thread runs.
        frame_seconds: the time between two pictures.
        """
        super().__init__()
        self.source = source
        self.has_started_job = False
        self._job = job
        self._failure_log = failure_log
        self._frame_seconds = frame_seconds
        self._leave_when_over = False
        self._failure_shown = False
        self._main = EnvsScreen(live=source.is_live)

    def get_default_screen(self) -> Screen[None]:
        return self._main

    def on_mount(self) -> None:
        if isinstance(self.source, LiveSource) and self._job is not None:
            work = partial(self.source.run, self._job)
            self.has_started_job = True
            self.run_worker(work, name="trainer", thread=True, exit_on_error=False)
        self.set_interval(self._frame_seconds, self.draw_frame)
        self.call_after_refresh(self.draw_frame)

    def draw_frame(self) -> None:
        """Draw the newest frame, if there is one and the main screen is in front."""
        if not self.screen_stack:
            return  # The timer's last tick may come after the screens of a closing app are gone.
        live = self.source if isinstance(self.source, LiveSource) else None
        if live is not None and live.is_over:
            if self._leave_when_over:
                self.exit(Leaving.OVER)
                return
            if live.failure is not None and not self._failure_shown:
                self._show_failure(live.failure)
                return
        if self.screen is not self._main or not self._main.has_panels:
            self.source.rest()
            return
        frame = self.source.poll()
        if frame is not None:
            self._main.show_frame(frame)

    def _show_failure(self, traceback: str) -> None:
        self._failure_shown = True
        frame = self.source.poll()
        if frame is not None and self._main.has_panels:
            self._main.show_frame(frame)
        while self.screen is not self._main:
            self.pop_screen()
        self.push_screen(FailureScreen(traceback, log=self._failure_log))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key may act: those of a live run do nothing in a replay, and the other way round."""
        hidden = Where.REPLAY if self.source.is_live else Where.LIVE
        elsewhere = {key.action.partition("(")[0] for key in KEYS if key.where is hidden} - {"toggle_view"}
        return action not in elsewhere

    def action_toggle_view(self) -> None:
        self.source.toggle_view()
        self.draw_frame()

    def action_toggle_training(self) -> None:
        assert isinstance(self.source, LiveSource), "check_action lets only live runs through"
        if not self.source.is_over:
            self.source.toggle_training()
            self.draw_frame()

    def action_step_epoch(self, direction: int) -> None:
        self._replay.step_epoch(direction)
        self.draw_frame()

    def action_step_round(self, direction: int) -> None:
        self._replay.step_round(direction)
        self.draw_frame()

    def action_change_speed(self, direction: int) -> None:
        self._replay.change_speed(direction)
        self.draw_frame()

    @property
    def _replay(self) -> ReplaySource:
        assert isinstance(self.source, ReplaySource), "check_action lets only replays through"
        return self.source

    def action_move(self, rows: int) -> None:
        self._main.move(rows)

    def action_move_page(self, direction: int) -> None:
        self._main.move_page(direction)

    def action_next_panel(self) -> None:
        self._main.next_panel()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(live=self.source.is_live))

    def action_leave(self) -> None:
        """Leave at once, unless a run is still training. In that case, ask."""
        if isinstance(self.screen, LeaveScreen):
            self.screen.dismiss(LeaveChoice.CANCEL)
        elif isinstance(self.source, LiveSource) and not self.source.is_over:
            self.push_screen(LeaveScreen(), self._leave_as_chosen)
        else:
            self.exit(Leaving.OVER)

    def _leave_as_chosen(self, choice: LeaveChoice | None) -> None:
        assert isinstance(self.source, LiveSource), "only a live run asks"
        if choice is LeaveChoice.KEEP_TRAINING:
            self.source.control.resume()
            self.exit(Leaving.DETACHED)
        elif choice is LeaveChoice.STOP_AFTER_ROUND:
            self.source.stop_after_round()
            self._leave_when_over = True
        elif choice is LeaveChoice.STOP_NOW:
            self.source.control.request_stop()
            self._leave_when_over = True
        self.draw_frame()
