"""`esper bench replay`: how soon a long recording is shown, how soon any moment of it, and what that takes.

The other side of every figure is the project's goal.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Final

import torch

from esper.bench.first_frame import seconds_to_first_frame
from esper.bench.long_recording import write_long_log
from esper.bench.timing import Comparison, spread
from esper.errors import HistoryError
from esper.history.collection import collection_off
from esper.history.index_file import index_path
from esper.history.reader import iterate_events

EVENTS: Final = 1_000_000
SEEKS: Final = 200
SECONDS_WITH_INDEX: Final = 1.0
SECONDS_WITHOUT_INDEX: Final = 4.0
SEEK_MILLISECONDS: Final = 150.0
EVENTS_PER_SECOND: Final = 35_000.0
MEGABYTES: Final = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeks:
    """What a process that reads a whole recording and then goes to many moments of it reports.

    milliseconds: per seek, with the figures of the moment.
    megabytes: the peak of its memory.
    """

    milliseconds: tuple[float, ...]
    megabytes: float


class LongRecording:
    """A recording that is made once for all cases, and gone with this process."""

    def __init__(self, events: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="esper-bench-")
        self.events = events
        self.log = write_long_log(Path(self._folder.name), events)

    @property
    def work(self) -> str:
        return f"{self.events:,} events, {self.log.stat().st_size / 1e6:,.0f} MB"

    def first_frames(self, repeats: int, *, indexed: bool) -> tuple[float, ...]:
        """Seconds from the start of `esper replay` to its first frame."""
        if indexed:
            self.seeks()  # Whoever reads all of a recording leaves its index.
        found: list[float] = []
        for _ in range(repeats):
            if not indexed:
                index_path(self.log).unlink(missing_ok=True)
            found.append(seconds_to_first_frame(self.log))
        return tuple(found)

    @cache  # noqa: B019 - the recording lives as long as the process
    def seeks(self) -> Seeks:
        """Read everything and go to random moments, in a process of its own.

        Raises:
            HistoryError: that process failed.
        """
        command = [sys.executable, "-m", "esper_tui.replay_timing", str(self.log), str(SEEKS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False)
        if done.returncode:
            raise HistoryError(f"the process that reads {self.log} ended with exit code {done.returncode}")
        told = json.loads(done.stdout)
        return Seeks(milliseconds=tuple(told["milliseconds"]), megabytes=told["megabytes"])

    def decoding(self, repeats: int) -> tuple[float, ...]:
        """Events a second, each of them checked and made a record."""
        found: list[float] = []
        for _ in range(repeats):
            started = perf_counter()
            with collection_off():
                count = sum(1 for _ in iterate_events(self.log))
            found.append(count / (perf_counter() - started))
        return tuple(found)


@cache
def _recording(events: int) -> LongRecording:
    return LongRecording(events)


def measure(name: str, device: torch.device, *, repeats: int, events: int = EVENTS) -> tuple[Comparison, ...]:
    """Measure one case on a recording of so many events."""
    return (_CASES[name](_recording(events), repeats),)


def _first_frame(recording: LongRecording, repeats: int) -> Comparison:
    values = recording.first_frames(repeats, indexed=True)
    return _less("first-frame-s", values, SECONDS_WITH_INDEX, "s", f"{recording.work}, with an index")


def _first_frame_unindexed(recording: LongRecording, repeats: int) -> Comparison:
    values = recording.first_frames(repeats, indexed=False)
    return _less("first-frame-unindexed-s", values, SECONDS_WITHOUT_INDEX, "s", f"{recording.work}, without an index")


def _seek(recording: LongRecording, _: int) -> Comparison:
    value = quantiles(recording.seeks().milliseconds, n=20)[-1]
    work = f"{recording.work}, the 95th percentile of {SEEKS} random moments"
    return _less("seek-p95-ms", (value,), SEEK_MILLISECONDS, "ms", work)


def _memory(recording: LongRecording, _: int) -> Comparison:
    return _less("memory-mb", (recording.seeks().megabytes,), MEGABYTES, "MB", f"{recording.work}, all read and sought")


def _decoding(recording: LongRecording, repeats: int) -> Comparison:
    values = recording.decoding(repeats)
    return Comparison(
        bench="replay",
        case="decode-events-per-s",
        ours=median(values),
        theirs=EVENTS_PER_SECOND,
        unit="events/s",
        ratio=median(values) / EVENTS_PER_SECOND,
        spread=spread(values),
        work=f"{recording.work}, every line checked and made a record",
    )


def _less(case: str, values: Sequence[float], goal: float, unit: str, work: str) -> Comparison:
    return Comparison(
        bench="replay",
        case=case,
        ours=median(values),
        theirs=goal,
        unit=unit,
        ratio=goal / median(values),
        spread=spread(values),
        work=work,
    )


_CASES: Final[dict[str, Callable[[LongRecording, int], Comparison]]] = {
    "first-frame-unindexed-s": _first_frame_unindexed,
    "first-frame-s": _first_frame,
    "seek-p95-ms": _seek,
    "memory-mb": _memory,
    "decode-events-per-s": _decoding,
}
CASES: Final = tuple(_CASES)
