"""A run that another process trains: its log is followed, and its control socket is asked."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from esper.contracts.orders import Order
from esper.control.client import ask
from esper.control.messages import Action, Answer
from esper.errors import ControlError, SavedDataError
from esper.history.follow import Follower
from esper.history.run_lock import is_locked
from esper_tui.sources.base import Clock, Mode, SourceStatus
from esper_tui.sources.stream import END_MODES, StreamSource
from esper_tui.state.snapshot import CockpitSnapshot

POLL_SECONDS: Final = 0.25
"""The time between two looks at the log."""

ASK_SECONDS: Final = 1.0
"""The time between two questions to the run how it stands."""

SILENT_SECONDS: Final = 45.0
"""A live run whose log does not grow for this long is shown as silent."""


class WatchSource(StreamSource):
    """Follows a run from its first event on, until nobody watches any more.

    failure: why the log can no longer be followed, in one line; None while it can.
    """

    def __init__(self, run: Path, *, clock: Clock, origin: str | None = None) -> None:
        """Open the log.

        origin: what the cockpit calls the run; its path if that is None.

        Raises:
            HistoryError: there is no log, or its header is wrong.
        """
        super().__init__(origin=origin or str(run), clock=clock)
        self.failure: SavedDataError | None = None
        self._run = run
        self._follower = Follower(run)
        self._closing = threading.Event()
        self._live = True
        self._behind = True
        self._answer: Answer | None = None
        self._asked = -ASK_SECONDS
        self._heard = clock()

    @property
    def is_over(self) -> bool:
        return not self._live and not self._behind

    @property
    def is_training_paused(self) -> bool:
        return self._answer is not None and self._answer.paused

    def steer(self, action: Action) -> None:
        self._answer = ask(self._run, action)

    def order(self, order: Order) -> None:
        self._answer = ask(self._run, order)

    @contextmanager
    def following(self) -> Generator[None]:
        """While the block runs, a thread follows the log."""
        thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._closing.set()
            thread.join()
            self._follower.close()

    def _follow(self) -> None:
        try:
            while not self._closing.is_set():
                if not self.look():
                    self._closing.wait(POLL_SECONDS)
        except SavedDataError as error:
            self.failure = error

    def look(self) -> bool:
        """Take in what was committed since the last look; returns whether there is more at once.

        Raises:
            HistoryError: the log is damaged, or was deleted.
        """
        live = is_locked(self._run)  # This comes before reading: what a live run wrote last is read next time.
        found = self._follower.read()
        if found.back_to is not None:  # The run was resumed, and what came after its checkpoint is void.
            self._follower.close()
            self._follower = Follower(self._run)
            self.start_over()
            return True
        for event in found.events:
            self.take(event)
        if found.events:
            self._heard = self._clock()
        self._live, self._behind = live, bool(found.events) and (found.more or not live)
        self._ask_how_it_stands()
        return found.more

    def _ask_how_it_stands(self) -> None:
        """A run that is paused is silent, and only its process knows why."""
        if not self._live:
            self._answer = None
        elif self._clock() - self._asked >= ASK_SECONDS:
            self._asked = self._clock()
            try:
                self._answer = ask(self._run, Action.STATUS, patience=ASK_SECONDS)
            except ControlError:  # It has no socket, or is about to end. Whoever asks for something is told.
                self._answer = None

    def mode(self, snapshot: CockpitSnapshot) -> Mode:
        if not self._live:
            return self._end_mode(snapshot)
        if self._behind:
            return Mode.CATCHING_UP
        answer = self._answer
        if answer is not None and (answer.stopping or answer.stopping_after_round):
            return Mode.STOPPING
        if self.is_training_paused:
            return Mode.TRAINING_PAUSED
        if self._silence() is not None:
            return Mode.SILENT
        return Mode.LIVE if snapshot.run is not None else Mode.STARTING

    def _end_mode(self, snapshot: CockpitSnapshot) -> Mode:
        if self._behind:
            return Mode.CATCHING_UP
        return END_MODES[snapshot.ended.end] if snapshot.ended is not None else Mode.CUT_OFF

    def _silence(self) -> int | None:
        """The whole seconds since the log last grew, once they are many."""
        seconds = self._clock() - self._heard
        return int(seconds) if seconds >= SILENT_SECONDS else None

    def status(self, snapshot: CockpitSnapshot) -> SourceStatus:
        status = super().status(snapshot)
        silent = self._silence() if status.mode is Mode.SILENT else None
        return replace(status, watched=True, silent_seconds=silent)
