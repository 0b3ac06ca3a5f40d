"""Notices within a minute that another rank is gone, even where the network does not tell.

A process that ends closes its connections, and the others notice at once. A machine that loses its power, or a process
that is held, closes nothing. A rank may on the other hand be slow for good reasons. So each rank gives a sign of life
from a thread of its own, whatever its main thread waits for, and looks whether the others do.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

import torch.distributed as dist

BEAT_SECONDS: Final = 5.0
SILENT_BEATS: Final = 8
"""A rank that gives no sign during so many beats of this rank is gone. Beats are counted rather than seconds, because
a job that was held as a whole and then let go has missed nothing."""

_LEFT: Final = 1_000_000_000_000
"""A rank that has left in an orderly way counts on from here."""


class Counters(Protocol):
    """Numbers by name that all ranks share; torch.distributed's stores have this method."""

    def add(self, key: str, amount: int, /) -> int:
        """Raise a number, which begins at 0, and return it."""
        ...


class Pulse:
    """What one rank knows about the signs of life of the others."""

    def __init__(self, counters: Counters, *, rank: int, size: int) -> None:
        self._counters = counters
        self._own = _key(rank)
        self._seen = {other: 0 for other in range(size) if other != rank}
        self._silent = dict.fromkeys(self._seen, 0)

    def beat(self) -> int | None:
        """Give a sign, and return the number of a rank that has given none for too long."""
        self._counters.add(self._own, 1)
        for other, seen in self._seen.items():
            now = self._counters.add(_key(other), 0)
            self._silent[other] = 0 if now != seen or now >= _LEFT else self._silent[other] + 1
            self._seen[other] = now
            if self._silent[other] >= SILENT_BEATS:
                return other
        return None

    def leave(self) -> None:
        """Tell the others that this rank ends as it should."""
        self._counters.add(self._own, _LEFT)


def _key(rank: int) -> str:
    return f"esper/alive/{rank}"


class Heartbeat:
    """A thread that beats until it is stopped, and one that ends the process when another rank is gone.

    The second one is there because a store whose machine has vanished lets a beat wait for ever.
    """

    def __init__(self, pulse: Pulse, *, rank: int, end: Callable[[str], None], seconds: float = BEAT_SECONDS) -> None:
        """end: called with a line that says what happened, if another rank is gone."""
        self._pulse = pulse
        self._rank = rank
        self._end = end
        self._seconds = seconds
        self._beats = 0
        self._lost: str | None = None
        self._over = threading.Event()
        self._done = False
        self._beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._watching = threading.Thread(target=self._watch, name="heartbeat watch", daemon=True)
        self._beating.start()
        self._watching.start()

    @classmethod
    def of_launcher(cls, *, rank: int, size: int) -> Heartbeat:
        """Count in the store of the launcher, over a connection of its own, because the main one may be waiting."""
        store = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]  # it is public, and not declared so
            os.environ["MASTER_ADDR"],
            int(os.environ["MASTER_PORT"]),
            is_master=False,
            timeout=timedelta(seconds=BEAT_SECONDS * SILENT_BEATS),
        )
        return cls(Pulse(store, rank=rank, size=size), rank=rank, end=_end_process)

    def stop(self, *, done: bool) -> None:
        """Beat no more.

        done: whether to tell the others that this is as it should be.
        """
        self._done = done
        self._over.set()
        self._watching.join()
        self._beating.join(BEAT_SECONDS)  # It may wait for a store that is gone.

    def _beat(self) -> None:
        try:
            while self._lost is None and not self._over.wait(self._seconds):
                gone = self._pulse.beat()
                self._beats += 1
                if gone is not None:
                    self._lost = f"rank {gone} gives no sign of life"
            if self._done:
                self._pulse.leave()
        except RuntimeError as error:  # The store went with its process. At the end, there is just nobody to tell.
            self._lost = f"the launcher is gone ({reason_of(error)})"

    def _watch(self) -> None:
        seen, silent = 0, 0
        while not self._over.wait(self._seconds):
            silent = 0 if self._beats != seen else silent + 1
            seen = self._beats
            lost = self._lost or ("the launcher gives no sign of life" if silent >= SILENT_BEATS else None)
            if lost is not None:
                self._end(
                    f"esper: error: rank {self._rank} ends, because {lost}: start the job again with --resume RUN"
                )
                return


def reason_of(error: RuntimeError) -> str:
    """What torch says about a connection, without the place in its sources and without its advice.

    >>> reason_of(RuntimeError("[gloo/pair.cc:553] Connection closed by peer [10.0.0.2]:4022. This is often ..."))
    'Connection closed by peer [10.0.0.2]:4022'
    """
    first = str(error).strip().splitlines()[0]
    return re.sub(r"^\[[^]]*\]\s*", "", first).split(". ")[0][:200]


def _end_process(line: str) -> None:
    """The main thread waits for a rank that will never answer, so the whole process has to end at once."""
    print(line, file=sys.stderr, flush=True)
    os._exit(1)
