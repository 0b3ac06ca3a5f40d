"""The cockpit's application: its screens, its keys, and the worker thread of a live run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Print
from textual.screen import Screen

from esper.contracts.orders import Order
from esper.control.messages import Action
from esper.errors import EsperError
from esper.process.console_log import ConsoleLog
from esper.process.signals import StopSignals
from esper_tui.calling import Caller
from esper_tui.driver import driver_reporting_to
from esper_tui.key_rows import Key, Where, remapped
from esper_tui.keys import KEYS
from esper_tui.leaving import Leaving
from esper_tui.moments_app import MomentsApp
from esper_tui.pacing import DrawingBudget
from esper_tui.palette import CockpitCommands
from esper_tui.screens.alerts import AlertScreen
from esper_tui.screens.ask import AskScreen
from esper_tui.screens.base import CockpitScreen
from esper_tui.screens.failure import FailureScreen
from esper_tui.screens.help import HelpScreen
from esper_tui.screens.leave import LeaveChoice, LeaveScreen
from esper_tui.screens.order import OrderScreen
from esper_tui.screens.registry import SCREENS
from esper_tui.settings import DEFAULT_SETTINGS, Settings, remember_theme
from esper_tui.sources.live import Job, LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.sources.stream import FRAME_SECONDS
from esper_tui.sources.watch import WatchSource
from esper_tui.state.alerts import Alert
from esper_tui.state.order_form import blank_form, order_words
from esper_tui.steering import DONE, QUESTIONS, wanted
from esper_tui.themes import THEMES
from esper_tui.view_state import ViewState


class CockpitApp(MomentsApp):
    """Shows one source. The job of a live source runs in a thread worker of this app.

    The screen asks the source for a frame every quarter of a second, and draws only what has changed. While another
    layer covers it, it draws nothing.
    """

    CSS_PATH = "cockpit.tcss"
    TITLE = "esper"
    COMMANDS: ClassVar = {CockpitCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.help, show=False, priority=True) for key in KEYS if key.priority
    ]

    def __init__(
        self,
        source: LiveSource | WatchSource | ReplaySource,
        *,
        job: Job | None = None,
        failure_log: str = "",
        frame_seconds: float = FRAME_SECONDS,
        settings: Settings = DEFAULT_SETTINGS,
        signals: StopSignals | None = None,
        log: ConsoleLog | None = None,
        ascii: bool = False,
        read_only: bool = False,
        notes_in: Path | None = None,
        served: bool = False,
        budget: DrawingBudget | None = None,
        notice: str | None = None,
    ) -> None:
        """Show a source.

        job: what a live source's worker thread runs.
        frame_seconds: the time between two pictures.
        settings: what this user has chosen before.
        signals: what has arrived from outside; None if the app runs without a terminal.
        log: where prints of the run go, which would otherwise spoil the screen.
        ascii: the terminal writes nothing but ASCII.
        read_only: leave out every key that changes the run.
        notes_in: the run's folder, in which its bookmarks are; None for a recording that has none.
        served: it is drawn in a browser; leave out every key that writes a file on this machine.
        budget: what drawing may cost a run that trains in this process; None sets no limit.
        notice: what the user should know at once.
        """
        super().__init__(driver_class=None if signals is None else driver_reporting_to(signals.hang_up))
        self.source = source
        self.has_started_job = False
        self.view = ViewState()
        self.notes_in = notes_in
        table = remapped(settings.keys, KEYS)
        self._read_only = read_only
        self._served = served
        self._budget = budget
        self.keys = tuple(key for key in table if not self._is_left_out(key))
        self._job = job
        self._failure_log = failure_log
        self._frame_seconds = frame_seconds
        self._leave_when_over = False
        self._failure_shown = False
        self._signals = signals
        self._console_log = log
        self._ascii = ascii
        self._caller = Caller(settings, self._write_codes)
        self._notice = notice
        self._screens: dict[str, CockpitScreen] = {}
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = settings.theme
        self.set_keymap(dict(settings.keys))

    def get_default_screen(self) -> Screen[None]:
        return self.cockpit_screen(SCREENS[0].NAME)

    def cockpit_screen(self, name: str) -> CockpitScreen:
        """A screen by its name, made when it is first wanted."""
        if name not in self._screens:
            kind = next(kind for kind in SCREENS if name == kind.NAME)
            self._screens[name] = kind(live=self.source.is_live, keys=self.keys, view=self.view)
            # Textual removes a screen that is popped unless it is installed; one that was removed and pushed again is
            # drawn only in part.
            self.install_screen(self._screens[name], name)
        return self._screens[name]

    def on_mount(self) -> None:
        self.begin_capture_print(self)
        self.set_class(self._ascii, "-ascii")
        if self._notice is not None:
            self.notify(self._notice, severity="warning", markup=False)
        if isinstance(self.source, LiveSource) and self._job is not None:
            work = partial(self.source.run, self._job)
            self.has_started_job = True
            self.run_worker(work, name="trainer", thread=True, exit_on_error=False)
        self.start_reading()
        self.load_bookmarks()
        self.set_interval(self._frame_seconds, self.tick)
        self.call_after_refresh(self.draw_frame)

    def on_unmount(self) -> None:
        self._caller.leave()

    def _write_codes(self, codes: str) -> None:
        """Send control codes that Textual has no words for."""
        if self._driver is not None:
            self._driver.write(codes)
            self._driver.flush()

    def on_print(self, event: Print) -> None:
        """Keep what the run printed."""
        if self._console_log is not None:
            self._console_log.write(event.text)

    def tick(self) -> None:
        """Draw the newest frame, unless the run that trains here would have to wait for too many of them."""
        source = self.source
        waits = isinstance(source, LiveSource) and not (source.is_over or source.is_training_paused or self._is_asked)
        if waits and self._budget is not None and not self._budget.allows():
            source.rest()
        else:
            self.draw_frame()

    @property
    def _is_asked(self) -> bool:
        """Whether a signal wants something."""
        return self._signals is not None and (self._signals.hung_up or self._signals.first is not None)

    def draw_frame(self) -> None:
        """Draw the newest frame, if there is one and a screen of the cockpit is in front."""
        if not self.screen_stack:
            return  # The timer's last tick may come after the screens of a closing app are gone.
        if self._signals is not None and self._obey(self._signals):
            return
        if isinstance(self.source, WatchSource) and self.source.failure is not None:
            self.exit(Leaving.OVER)  # The console says why.
            return
        live = self.source if isinstance(self.source, LiveSource) else None
        if live is not None and live.is_over:
            if self._leave_when_over:
                self.exit(Leaving.OVER)
                return
            if live.failure is not None and not self._failure_shown:
                self._show_failure(live.failure)
                return
        front = self.screen
        if not isinstance(front, CockpitScreen) or not front.has_panels:
            self.source.rest()
            return
        with self.leaving_if_damaged():
            frame = self.source.poll()
            if frame is not None:
                self._frame = frame
                self.mark_bookmarks()
                front.show_frame(frame)
                if self.source.is_live:
                    self._caller.tell(frame.snapshot, self.view.loud_alerts(frame.snapshot.alerts))

    def _obey(self, signals: StopSignals) -> bool:
        """Leave the screen if a signal asks for it; returns whether that is so.

        A run that is being stopped keeps its screen until it has ended. A terminal that is gone is left at once.
        """
        if signals.hung_up:
            self.exit(Leaving.DETACHED)
            return True
        if signals.first is None:
            return False
        self._leave_when_over = True
        trains_here = isinstance(self.source, LiveSource)
        if not trains_here:
            self.exit(Leaving.OVER)
        return not trains_here

    def _show_failure(self, traceback: str) -> None:
        self._failure_shown = True
        frame = self.source.poll()
        self._frame = frame or self._frame
        while not isinstance(self.screen, CockpitScreen):
            self.pop_screen()
        if self._frame is not None and self.screen.has_panels:
            self.screen.show_frame(self._frame)
        self.push_screen(FailureScreen(traceback, log=self._failure_log))

    def bring_up(self, name: str) -> None:
        """Show a screen; the main screen is always below the others."""
        screen = self.cockpit_screen(name)
        while not isinstance(self.screen, CockpitScreen):
            self.pop_screen()
        while self.screen is not screen and len(self.screen_stack) > 1 and screen in self.screen_stack:
            self.pop_screen()
        if self.screen is not screen:
            self.push_screen(screen)
        self.call_later(self.redraw)

    def redraw(self) -> None:
        """Draw the newest frame on the screen in front, which may have missed some."""
        if isinstance(self.screen, CockpitScreen) and self.screen.has_panels and self._frame is not None:
            self.screen.show_frame(self._frame)

    def _is_left_out(self, key: Key) -> bool:
        return (self._read_only and key.changes_run) or (self._served and key.writes)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of a live run do nothing in a replay, and the other way round; those that change a run if it may not."""
        where = Where.REPLAY if self.source.is_live else Where.LIVE
        hidden = [key for key in KEYS if key.where is where or self._is_left_out(key)]
        names = {key.action.partition("(")[0].removeprefix("app.") for key in hidden}
        return action not in names - {"toggle_view"}

    def action_toggle_view(self) -> None:
        with self.leaving_if_damaged():
            self.source.toggle_view()
        self.draw_frame()

    def action_newest(self) -> None:
        if isinstance(self.source, ReplaySource):
            with self.leaving_if_damaged():
                self.source.to_end()
        elif self.source.is_view_held:
            self.source.toggle_view()
        self.view.look(replace(self.view.focus, epoch=None, episode=None))
        self.draw_frame()
        self.redraw()

    def action_step_alert(self, direction: int) -> None:
        """A replay goes to the moment of the alarm; a live view to the env of the next alert in the strip."""
        if isinstance(self.source, ReplaySource):
            with self.leaving_if_damaged():
                self.source.step_alarm(direction)
            self.draw_frame()
            return
        alerts = self.view.loud_alerts(self._frame.snapshot.alerts) if self._frame is not None else []
        envs = list(dict.fromkeys(alert.env_id for alert in alerts if alert.env_id is not None))
        if envs:
            here = envs.index(self.view.focus.env_id) if self.view.focus.env_id in envs else -direction
            self.look_at(envs[(here + direction) % len(envs)])

    def look_at(self, env_id: int) -> None:
        """Put the cursor on an env, on whatever screen is in front."""
        self.view.look(replace(self.view.focus, env_id=env_id, epoch=None, episode=None))
        self.redraw()

    def action_show_screen(self, name: str) -> None:
        self.bring_up(name)

    def action_previous(self) -> None:
        """Close the screen in front, unless it is the first."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
            self.view.look(replace(self.view.focus, episode=None, epoch=None))  # The timeline follows again.
            self.call_later(self.redraw)

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        here = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(here + 1) % len(names)]
        self.notify(remember_theme(self.theme), markup=False)

    def action_alerts(self) -> None:
        if self._frame is not None:
            self.push_screen(AlertScreen(self._frame, self.view), self._go_to_alert)

    def _go_to_alert(self, alert: Alert | None) -> None:
        """Where an alert was raised: its moment in a replay, its env otherwise."""
        if alert is not None and isinstance(self.source, ReplaySource):
            self.go_to(alert.position)
        if alert is not None and alert.env_id is not None:
            self.look_at(alert.env_id)
        self.draw_frame()
        self.redraw()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(live=self.source.is_live, keys=self.keys))

    def action_ask_run(self, name: str) -> None:
        """Ask the user, and then the trainer."""
        assert not isinstance(self.source, ReplaySource), "check_action lets only live runs through"
        if self.source.is_over:
            self.notify("nobody trains this run any more", markup=False)
            return
        action = wanted(name, paused=self.source.is_training_paused)
        self.push_screen(AskScreen(QUESTIONS[action]), partial(self._ask_trainer, self.source, action))

    def action_order_env(self) -> None:
        """Ask what the env at the cursor is to do at its next decision."""
        source, env_id = self.source, self.view.focus.env_id
        assert not isinstance(source, ReplaySource), "check_action lets only live runs through"
        now = source.latest()
        row = next((row for row in now.envs if row.env_id == env_id), None)
        if source.is_over or row is None or now.run is None:
            self.notify("nobody trains this env now", markup=False)
            return
        self.push_screen(OrderScreen(blank_form(row, now.run)), partial(self._give_order, source))

    def _give_order(self, source: LiveSource | WatchSource, order: Order | None) -> None:
        if order is not None and not source.is_over:
            done = f"ordered: {order_words(order)}, at its next decision"
            self.run_worker(partial(self._ask, partial(source.order, order), done), thread=True)

    def _ask_trainer(self, source: LiveSource | WatchSource, action: Action, yes: bool | None) -> None:
        if yes:
            self.run_worker(partial(self._ask, partial(source.steer, action), DONE[action]), thread=True)

    def _ask(self, request: Callable[[], None], done: str) -> None:
        """On a thread, since a process that is far away or busy takes time to answer."""
        try:
            request()
        except EsperError as error:
            self.call_from_thread(self.notify, str(error), severity="error", markup=False)
            return
        self.call_from_thread(self.notify, done, markup=False)

    def action_leave(self) -> None:
        """Leave at once, unless a run is still training. In that case, ask."""
        if isinstance(self.screen, LeaveScreen):
            self.screen.dismiss(LeaveChoice.CANCEL)
        elif isinstance(self.source, LiveSource) and not self.source.is_over:
            self.push_screen(LeaveScreen(read_only=self._read_only), self._leave_as_chosen)
        else:
            self.exit(Leaving.OVER)

    def _leave_as_chosen(self, choice: LeaveChoice | None) -> None:
        assert isinstance(self.source, LiveSource), "only a live run asks"
        if choice is LeaveChoice.KEEP_TRAINING:
            self.source.control.resume()
            self.exit(Leaving.DETACHED)
        elif choice is LeaveChoice.STOP_AFTER_ROUND:
            self.source.steer(Action.STOP_AFTER_ROUND)
            self._leave_when_over = True
        elif choice is LeaveChoice.STOP_NOW:
            self.source.control.request_stop()
            self._leave_when_over = True
        self.draw_frame()
