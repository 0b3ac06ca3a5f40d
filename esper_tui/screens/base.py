"""What every screen of the cockpit has: header, panels placed by a layout, status rows, and the keys of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from esper_tui.export import free_name, write_envs
from esper_tui.key_rows import Key, Where
from esper_tui.keys import KEYS
from esper_tui.screens.filter import FilterScreen
from esper_tui.screens.layout import MINIMUM, Layout
from esper_tui.screens.sizing import drop_if_stale
from esper_tui.sources.base import Frame
from esper_tui.state.choosing import NO_FILTER, Filter
from esper_tui.state.reasons import policy_words, why_words
from esper_tui.view_state import ViewState
from esper_tui.widgets.env_table import EnvTable
from esper_tui.widgets.figure_panel import FigurePanel
from esper_tui.widgets.header import HeaderPanel
from esper_tui.widgets.line_table import LineTable
from esper_tui.widgets.log_panel import LogPanel
from esper_tui.widgets.run_panels import EpisodeTable
from esper_tui.widgets.status_line import StatusPanel
from esper_tui.widgets.text import plain

Panel = FigurePanel | LogPanel | EnvTable | EpisodeTable


def bindings_of(screen: str) -> list[BindingType]:
    """The keys that act on a screen, live or in a replay; the app decides which of them the source allows."""
    return [
        Binding(key.keys, key.action, key.help, show=False, id=key.name)
        for key in KEYS
        if not key.priority and (not key.screens or screen in key.screens)
    ]


class CockpitScreen(Screen[None]):
    """Hands each frame to its panels. A panel that has no place at this size is not displayed and gets no frame.

    front: which of the panels that share a place on a small screen is up.
    """

    NAME: ClassVar = ""
    AUTO_FOCUS = ""

    def __init__(self, *, live: bool, keys: Sequence[Key], view: ViewState) -> None:
        super().__init__()
        self.view = view
        self.front = 0
        self._live = live
        allowed = {key.name for key in keys}
        self._left_out = {key.action.removeprefix("screen.") for key in KEYS if key.name not in allowed}
        hidden = Where.REPLAY if live else Where.LIVE
        self._keys = [key for key in keys if key.where is not hidden and (not key.screens or self.NAME in key.screens)]
        self._frame: Frame | None = None
        self._maximised: str | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that are left out do nothing here either."""
        return action not in self._left_out

    def make_panels(self) -> Sequence[Panel]:
        """The screen's panels, in the order in which tab visits them."""
        raise NotImplementedError

    def places(self, width: int, height: int) -> Layout:
        """The place of each panel in a body of this size."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield HeaderPanel(id="header")
        with Container(id="body"):
            yield from self.make_panels()
        columns, rows = MINIMUM
        yield Static(
            f"The cockpit needs {columns}x{rows} cells.\nTraining is not affected.", id="too-small", markup=False
        )
        yield StatusPanel(keys=self._keys, id="status")

    def on_mount(self) -> None:
        self.query_one(StatusPanel).styles.height = 2 if self._live else 3
        self._place()

    def on_screen_resume(self) -> None:
        """The terminal may have another size than when the screen was last in front."""
        if self.has_panels:
            self._place()

    @property
    def panels(self) -> list[Panel]:
        """Those of the body."""
        return [panel for panel in self.query("#body > *") if isinstance(panel, Panel)]

    @property
    def has_panels(self) -> bool:
        """False before the panels are made and while they are being taken down, when a timer may still fire."""
        return bool(self.query(HeaderPanel)) and bool(self.query(StatusPanel))

    def show_frame(self, frame: Frame) -> None:
        """Bring every displayed panel up to date."""
        envs_known = self._frame is not None and len(self._frame.snapshot.envs) == len(frame.snapshot.envs)
        self._frame = frame
        self.view.settle_on(frame)
        if not envs_known:
            self._place()
        self.query_one(HeaderPanel).show_frame(frame, self.view.loud_alerts(frame.snapshot.alerts))
        self.query_one(StatusPanel).show_frame(frame, self.view.marked)
        self.show_panels()

    def show_panels(self) -> None:
        """Draw the panels again, after the reader looks elsewhere."""
        if self._frame is not None:
            for panel in self.panels:
                panel.show_frame(self._frame, self.view.focus)

    def on_resize(self, event: Resize) -> None:
        """Panels that a new size brought in have missed frames."""
        drop_if_stale(self, event)
        self._place()
        self.call_later(self._show_again)

    def _show_again(self) -> None:
        if self._frame is not None and self.has_panels:
            self.show_frame(self._frame)

    def _place(self) -> None:
        width, height = self.app.size
        body_height = height - (4 if self._live else 5)
        fits = width >= MINIMUM[0] and height >= MINIMUM[1]
        self.query_one("#body").display = fits
        self.query_one("#too-small").display = not fits
        if not fits:
            return
        layout = self.places(width, body_height)
        if self._maximised is not None:
            box = next(iter(layout.values()))
            layout = {self._maximised: replace(box, x=0, y=0, width=width, height=body_height)}
        for panel in self.panels:
            box = layout.get(panel.id or "")
            panel.display = box is not None
            if box is not None:
                panel.styles.offset = (box.x, box.y)
                panel.styles.width, panel.styles.height = box.width, box.height

    @property
    def envs_known(self) -> int:
        """How many envs the run has, as far as is known."""
        return len(self._frame.snapshot.envs) if self._frame is not None else 0

    def focused_panel(self) -> Panel:
        """The panel that has the focus; the first one shown otherwise."""
        shown = [panel for panel in self.panels if panel.display]
        return next((panel for panel in shown if panel.has_focus), shown[0])

    def move(self, rows: int) -> None:
        """Move in the focused panel."""
        panel = self.focused_panel()
        if isinstance(panel, LineTable):
            panel.move_cursor(rows)
        else:
            panel.scroll_lines(rows)

    def action_move(self, rows: int) -> None:
        if any(panel.display for panel in self.panels):
            self.move(rows)

    def action_move_page(self, direction: int) -> None:
        if any(panel.display for panel in self.panels):
            self.move(direction * max(1, self.focused_panel().size.height - 1))

    def action_next_panel(self) -> None:
        self._step_panel(1)

    def action_previous_panel(self) -> None:
        self._step_panel(-1)

    def _step_panel(self, direction: int) -> None:
        """Bring the next folded panel up; with nothing folded, move the focus."""
        if all(panel.display for panel in self.panels):
            self.focus_next() if direction > 0 else self.focus_previous()
            return
        self.front += direction
        self._maximised = None
        self._place()
        self.call_later(self._show_again)

    def action_maximise(self) -> None:
        self._maximised = self.focused_panel().id if self._maximised is None else None
        self._place()
        self.call_later(self._show_again)

    def action_copy(self) -> None:
        """Copy the focused panel's text through the terminal."""
        text = "\n".join(plain(line).rstrip() for line in self.focused_panel().lines)
        self.app.copy_to_clipboard(text)
        self.notify(f"copied {len(text.splitlines())} lines of {self.focused_panel().id}", markup=False)

    async def action_open(self) -> None:
        """Show the env at the cursor in detail."""
        await self.app.run_action("show_screen('detail')")

    def action_why(self) -> None:
        """Say why the env at the cursor and its policy have their colours."""
        row = self.view.focus.row(self._frame) if self._frame is not None else None
        if row is not None and self._frame is not None:
            words = [why_words(row), *policy_words(self._frame.snapshot, row.env_id)]
            self.notify("\n".join(words), title="why", markup=False, timeout=10)

    def action_filter(self) -> None:
        self.app.push_screen(FilterScreen(self.view.focus.filter), self._set_filter)

    def action_clear_filter(self) -> None:
        self._set_filter(NO_FILTER)

    def _set_filter(self, chosen: Filter | None) -> None:
        if chosen is not None:
            self.view.look(replace(self.view.focus, filter=chosen))
            self.show_panels()

    def action_export(self) -> None:
        """Write the screen and the envs' figures into the current folder."""
        if self._frame is None:
            return
        folder = Path.cwd()
        picture, table = free_name(folder, "esper-screen", ".svg"), free_name(folder, "esper-envs", ".csv")
        try:
            picture.write_text(self.app.export_screenshot(), encoding="utf-8")
            write_envs(self._frame.snapshot, table)
        except OSError as error:
            self.notify(f"not written: {error}", severity="error", markup=False)
            return
        self.notify(f"wrote {picture.name} and {table.name} in {folder}", markup=False)
