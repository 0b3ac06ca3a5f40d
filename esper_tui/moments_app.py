"""What the app does about moments of a run: it goes to those that are named, and keeps bookmarks of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from esper.errors import ConfigError, EsperError
from esper.history.notes import Bookmark, RunNotes, change_notes, read_notes
from esper_tui.replay_app import ReplayApp
from esper_tui.screens.bookmarks import BookmarkScreen
from esper_tui.screens.one_line import LineScreen
from esper_tui.sources.base import Frame
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.places import EXAMPLES, Place, ToEnv, ToEpoch, parse_place, position_of
from esper_tui.view_state import ViewState

GO_TO_HINT = f"{EXAMPLES}\nA kind of event goes to the next one of that kind, with a minus to the one before."
NO_NOTES = "bookmarks are kept in the run's folder, and this recording has none: see esper import"


class MomentsApp(ReplayApp):
    """The base of the cockpit's app.

    notes_in: the run's folder, in which its bookmarks are; None for a recording that has none.
    """

    view: ViewState
    notes_in: Path | None
    _frame: Frame | None = None
    _last_place: str = ""
    _bookmarks: tuple[Bookmark, ...] = ()

    def look_at(self, env_id: int) -> None:
        """Put the cursor on an env."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw the newest frame on the screen in front."""
        raise NotImplementedError

    def action_go_to_place(self) -> None:
        """Ask where to go."""
        self.push_screen(LineScreen("GO TO", text=self._last_place, hint=GO_TO_HINT, take=self.go_to_place))

    def go_to_place(self, text: str) -> None:
        """Go to what a reader typed.

        Raises:
            ConfigError: it is no place, or none of this run.
        """
        place = parse_place(text)
        if isinstance(place, ToEnv):
            self._look_at_known(place.env_id)
        elif isinstance(self.source, ReplaySource):
            self.go_to(position_of(place, self.source.index, self.source.position))
            self.view.look(replace(self.view.focus, epoch=None, episode=None))
        else:
            self._look_at_epoch(place)
        self._last_place = text
        self.call_later(self._show_moment)

    def _show_moment(self) -> None:
        """Once the dialog is gone."""
        self.draw_frame()
        self.redraw()

    def _look_at_known(self, env_id: int) -> None:
        envs = [row.env_id for row in self._frame.snapshot.envs] if self._frame is not None else []
        if env_id not in envs:
            there = f"the envs are {min(envs)} to {max(envs)}" if envs else "none has reported yet"
            raise ConfigError(f"there is no env {env_id}: {there}")
        self.look_at(env_id)

    def _look_at_epoch(self, place: Place) -> None:
        """In a run that goes on: put the timeline's cursor on an epoch of the episode on screen."""
        episode = self.view.focus.shown_episode(self._frame) if self._frame is not None else None
        here = isinstance(place, ToEpoch) and episode is not None and place.batch in (None, episode.batch)
        if not here or not isinstance(place, ToEpoch) or episode is None:
            raise ConfigError(
                "a run that goes on is shown as it is now: type an env, or an epoch of its episode as e12; "
                "esper replay goes to any moment of what was recorded"
            )
        if not 1 <= place.epoch <= episode.last_epoch:
            raise ConfigError(f"there is no epoch {place.epoch}: the episode on screen is at e{episode.last_epoch}")
        self.view.look(replace(self.view.focus, epoch=place.epoch))

    def load_bookmarks(self) -> None:
        """Read the bookmarks of the run; what is wrong with them is said and changes nothing else."""
        if self.notes_in is not None:
            try:
                self._bookmarks = read_notes(self.notes_in).bookmarks
            except EsperError as error:
                self.notify(str(error), severity="error", markup=False)

    def mark_bookmarks(self) -> None:
        """Tell the replay bar where they are."""
        if isinstance(self.source, ReplaySource):
            index = self.source.index
            self.view.marked = tuple(index.after_seq(one.seq) for one in self._bookmarks)

    def action_bookmark(self) -> None:
        """Ask for a text, and mark the moment on screen."""
        seq = self._frame.snapshot.last_seq if self._frame is not None else None
        if self.notes_in is None or seq is None:
            self.notify(NO_NOTES if self.notes_in is None else "nothing has happened yet", markup=False)
            return
        text = next((one.text for one in self._bookmarks if one.seq == seq), "")
        take = partial(self._add_bookmark, self.notes_in, seq)
        hint = "a text, or none; Enter marks the moment, Esc does not"
        self.push_screen(LineScreen(f"BOOKMARK at event {seq:,}", text=text, hint=hint, take=take))

    def _add_bookmark(self, run: Path, seq: int, text: str) -> None:
        self._bookmarks = change_notes(run, lambda notes: notes.with_bookmark(seq, text.strip())).bookmarks
        self.notify(f"bookmark at event {seq:,}; ' lists them", markup=False)
        self.mark_bookmarks()
        self.call_later(self._show_moment)

    def action_bookmarks(self) -> None:
        """List the bookmarks."""
        if self.notes_in is None:
            self.notify(NO_NOTES, markup=False)
            return
        self.load_bookmarks()  # Somebody may have changed them with esper note meanwhile.
        remove = partial(self._remove_bookmark, self.notes_in)
        self.push_screen(BookmarkScreen(self._bookmarks, remove=remove), self._go_to_bookmark)

    def _remove_bookmark(self, run: Path, bookmark: Bookmark) -> Sequence[Bookmark]:
        def without(notes: RunNotes) -> RunNotes:
            there = any(one.seq == bookmark.seq for one in notes.bookmarks)
            return notes.without_bookmark(bookmark.seq) if there else notes

        try:
            self._bookmarks = change_notes(run, without).bookmarks
        except EsperError as error:
            self.notify(str(error), severity="error", markup=False)
        self.mark_bookmarks()
        return self._bookmarks

    def _go_to_bookmark(self, bookmark: Bookmark | None) -> None:
        if bookmark is None:
            return
        if isinstance(self.source, ReplaySource):
            self.go_to(self.source.index.after_seq(bookmark.seq))
        else:
            self.notify("esper replay goes to a bookmark; this run is shown as it is now", markup=False)
        self.call_later(self._show_moment)
