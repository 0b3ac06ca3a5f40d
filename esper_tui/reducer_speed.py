"""How many events of a log the reducer takes in per second, for `esper bench cockpit`.

`python -m esper_tui.reducer_speed EVENTS.JSONL REPEATS` prints one figure per repeat.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from esper.history.reader import read_events
from esper.telemetry.events import Event
from esper_tui.state.aggregator import Aggregator


def events_per_second(events: Sequence[Event]) -> float:
    """Take in all the events once."""
    aggregator = Aggregator()
    started = perf_counter()
    for event in events:
        aggregator.apply(event)
    return len(events) / (perf_counter() - started)


if __name__ == "__main__":
    recorded = read_events(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        print(events_per_second(recorded))
