"""Reads a recording whole and goes to random moments of it, as a process of `esper bench replay`.

`python -m esper_tui.replay_timing LOG COUNT` prints one JSON object: the milliseconds of each seek, and the peak of the
process's memory in megabytes.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path

from esper.history.recorded_events import RecordedEvents
from esper_tui.sources.replay import ReplaySource

FRAME_SECONDS = 0.25
"""How long is read between two pictures, as while the cockpit is up."""


def milliseconds_of_seeks(log: Path, count: int) -> list[float]:
    """Read everything, with a picture now and then, and time so many seeks, each with the figures of its moment."""
    source = ReplaySource(RecordedEvents(log), origin=str(log), clock=time.monotonic)
    while not source.is_read:
        source.read_on(FRAME_SECONDS)
        source.poll()
    stream, found = random.Random("seeks"), list[float]()
    for _ in range(count):
        position = stream.randrange(len(source.index) + 1)
        started = time.perf_counter()
        source.seek(position)
        source.snapshot()
        found.append(1e3 * (time.perf_counter() - started))
    return found


def peak_megabytes() -> float:
    """The most memory that this process had, in units of 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # What getrusage says on Linux includes the process that started this one.
        (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


if __name__ == "__main__":
    milliseconds = milliseconds_of_seeks(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"milliseconds": milliseconds, "megabytes": peak_megabytes()}))
