"""How a run is asked to stop from outside: Ctrl-C, SIGTERM, SIGHUP and a vanished terminal take one path.

The first Ctrl-C or SIGTERM asks for an orderly end: the host epoch is finished, the last complete round is saved, and
files are closed. The second leaves at once. Handlers never raise, since an exception could surface anywhere, in the
middle of writing a file as well.

A closing terminal sends SIGHUP, and often more than once: the kernel sends it, and the shell passes it on. A hang-up
therefore counts once, never breaks a run off, and either stops the run in an orderly way or lets it go on without a
terminal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, Literal

from esper.training.run_control import RunControl

OnHangup = Literal["continue", "stop"]

_STOPPING: Final = b"esper: stopping after this epoch; a second signal leaves at once\n"


def _nothing() -> None:
    """What a run without a terminal does about one."""


@dataclass(slots=True, kw_only=True)
class StopSignals:
    """What arrived while a run was listening, and what is done about it.

    control: the run's.
    on_hangup: whether a hang-up stops the run.
    first: the signal that asked for the end, or None.
    hung_up: whether the terminal is gone, or SIGHUP said so.
    speaks: whether lines may be written to stderr; not while the cockpit draws there.
    leave_terminal: called once when the terminal is gone.
    restore_terminal: called before the process is broken off.
    patient: whether a second signal is ignored. A launcher passes on what the terminal has sent to every process
        already, so in a run of several processes one Ctrl-C arrives twice. The launcher itself kills what does not end.
    """

    control: RunControl
    on_hangup: OnHangup
    first: int | None = None
    hung_up: bool = False
    speaks: bool = True
    leave_terminal: Callable[[], None] = _nothing
    restore_terminal: Callable[[], None] = _nothing
    patient: bool = False

    @property
    def exit_code(self) -> int:
        """What a process that was stopped like this ends with, by convention; 0 if no signal stopped it."""
        return 0 if self.first is None else 128 + self.first

    def stop(self, number: int) -> None:
        """Ask the run to end, or end the process if the run was asked before."""
        if self.first is not None and self.patient:
            return
        if self.first is not None:
            self.restore_terminal()
            self._say(b"esper: broken off; what was recorded stays\n")
            os._exit(128 + number)
        self.first = number
        self.control.request_stop(signal=signal.Signals(number).name)
        self._say(b"esper: stopping after this epoch\n" if self.patient else _STOPPING)

    def hang_up(self) -> None:
        """The terminal is gone. A paused run goes on, since nobody could let it."""
        if self.hung_up:
            return
        self.hung_up = True
        self.leave_terminal()
        if self.on_hangup == "continue":
            self.control.resume()
        elif self.first is None:
            self.first = signal.SIGHUP
            self.control.request_stop(signal=signal.SIGHUP.name)

    def _say(self, text: bytes) -> None:
        """Straight to the descriptor, since print() may be what was interrupted."""
        if not self.speaks:
            return
        try:
            os.write(2, text)
        except OSError:  # Nobody reads it, and a handler must not raise.
            return


@contextmanager
def stop_on_signals(
    control: RunControl, *, on_hangup: OnHangup = "stop", patient: bool = False
) -> Generator[StopSignals]:
    """While the block runs, signals ask the run that listens to control to stop.

    on_hangup: whether a hang-up stops the run. A process that was started to ignore SIGHUP, for example by nohup, goes
        on ignoring it.
    patient: as for StopSignals.
    """
    signals = StopSignals(control=control, on_hangup=on_hangup, patient=patient)

    def stop(number: int, _frame: FrameType | None) -> None:
        signals.stop(number)

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        signals.hang_up()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
