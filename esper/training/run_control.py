"""The only way in which anything outside the trainer may influence a run."""

from __future__ import annotations

import threading


class RunControl:
    """Pause, resume and stop a run from any thread. The trainer reads it between host epochs."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._stop = threading.Event()
        self._stop_after_round = threading.Event()

    def pause(self) -> None:
        """Hold the trainer before its next host epoch."""
        self._running.clear()

    def resume(self) -> None:
        """Let a paused trainer go on."""
        self._running.set()

    def request_stop(self) -> None:
        """Ask the trainer to end after the current host epoch. A paused trainer ends at once."""
        self._stop.set()
        self._running.set()

    def request_stop_after_round(self) -> None:
        """Ask the trainer to finish the current batch, with its update, and then to end."""
        self._stop_after_round.set()
        self._running.set()

    @property
    def is_paused(self) -> bool:
        return not self._running.is_set()

    @property
    def stop_requested(self) -> bool:
        return self._stop.is_set()

    @property
    def stop_after_round_requested(self) -> bool:
        return self._stop_after_round.is_set()

    def wait_while_paused(self) -> None:
        """Block the calling thread, which is the trainer's, while the run is paused."""
        self._running.wait()
