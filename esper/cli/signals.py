"""How a run is asked to stop from outside: Ctrl-C, SIGTERM and SIGHUP take one path.

The first signal asks for an orderly end: the host epoch is finished, the last complete round is saved, and files are
closed. The second leaves at once. Handlers never raise, since an exception could surface anywhere, in the middle of
writing a file as well.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final, Literal

from esper.training.run_control import RunControl

OnHangup = Literal["continue", "stop"]

_SHOW_CURSOR: Final = b"\x1b[?25h"
_STOPPING: Final = b"esper: stopping after this epoch; a second signal leaves at once\n"


@dataclass(slots=True)
class StopSignals:
    """What arrived while a run was listening.

    first: the signal that asked for the end; None if none did.
    """

    first: int | None = None

    @property
    def exit_code(self) -> int:
        """What a process that was stopped like this ends with, by convention; 0 if no signal arrived."""
        return 0 if self.first is None else 128 + self.first


@contextmanager
def stop_on_signals(control: RunControl, *, on_hangup: OnHangup = "stop") -> Generator[StopSignals]:
    """While the block runs, signals request a stop of the run that listens to control.

    on_hangup: whether SIGHUP, which a closing terminal sends, stops the run or is ignored. A process that was started
        to ignore it, for example by nohup, goes on ignoring it.
    """
    seen = StopSignals()

    def handle(number: int, _frame: FrameType | None) -> None:
        if seen.first is not None or control.stop_requested:
            if sys.stderr.isatty():
                _write(_SHOW_CURSOR)
            _write(b"esper: broken off\n")
            os._exit(128 + number)
        seen.first = number
        control.request_stop()
        _write(_STOPPING)

    listening = [signal.SIGINT, signal.SIGTERM]
    previous = {number: signal.signal(number, handle) for number in listening}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, handle if on_hangup == "stop" else signal.SIG_IGN)
    try:
        yield seen
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _write(text: bytes) -> None:
    """Straight to stderr's descriptor, since print() may be what was interrupted; it may be gone, and nobody reads."""
    try:
        os.write(2, text)
    except OSError:
        return
