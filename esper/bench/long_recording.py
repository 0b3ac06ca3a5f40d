"""A recording of any length for benchmarks: the rounds of a short real run, again and again.

Numbers, times and rounds go on from one repeat to the next, so that the log is one of a run that never ended; all else
is as it was recorded. Lines are made from the text of the real ones, which takes seconds for a million.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.history.codec import event_to_json, header_to_json
from esper.history.lines import read_header
from esper.history.presets import load_preset, with_overrides
from esper.history.reader import read_events
from esper.history.recording import open_recording
from esper.history.run_directory import EVENTS_FILE
from esper.history.sealing import seal
from esper.telemetry.events import BatchEpochCompleted, Event, TrainingStarted
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

PRESET: Final = "digits"
OVERRIDES: Final = ("run.rounds=3", "run.threads=1", "fleet.steps_per_epoch=2")
_BATCH: Final = '"batch":'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """The text of an event around what changes in every repeat.

    parts: what stands before, between and after its rounds.
    time: seconds since the repeat began.
    batch: the round, counted from 0 in the repeat.
    """

    parts: tuple[str, ...]
    time: float
    batch: int

    def sealed(self, seq: int, time: float, first_batch: int) -> bytes:
        text = f'"seq":{seq},"time":{time!r},' + str(first_batch + self.batch).join(self.parts)
        rest = text.encode()
        return b'{"crc":"%08x",%s\n' % (zlib.crc32(rest, zlib.crc32(b"{")), rest)


def write_long_log(folder: Path, events: int, overrides: Sequence[str] = OVERRIDES) -> Path:
    """Train a few rounds and repeat them until there are so many events; returns the log.

    overrides: what the run has other than the preset.
    """
    recorded = _record(folder / "trained", overrides)
    found = read_events(recorded)
    rounds = next(one.payload.max_batches for one in found if isinstance(one.payload, TrainingStarted))
    ends = [place for place, one in enumerate(found) if isinstance(one.payload, BatchEpochCompleted)]
    start = next(place for place, one in enumerate(found) if _batch_of(one) is not None)
    log = folder / "long" / EVENTS_FILE
    log.parent.mkdir()
    with log.open("wb") as file:
        file.write(seal(header_to_json(read_header(recorded / EVENTS_FILE, "events"))).encode() + b"\n")
        for one in found[:start]:
            file.write(seal(event_to_json(one)).encode() + b"\n")
        file.writelines(_repeated(found[start : ends[-1] + 1], start, events - start, rounds))
    return log


def _record(folder: Path, overrides: Sequence[str]) -> Path:
    config = with_overrides(load_preset(PRESET), overrides)
    with open_recording(config, folder) as recording:
        hooks = RunHooks(hub=recording.hub, run_id=recording.run_id, on_summary=recording.on_summary)
        train_ppo_vectorized(config, hooks)
    return recording.directory.path


def _repeated(events: Sequence[Event], before: int, count: int, rounds: int) -> Iterator[bytes]:
    """The lines of so many events after the first ones, repeat by repeat.

    rounds: how many rounds one repeat has.
    """
    lines, seconds = [_line(one, events[0].time) for one in events], events[-1].time - events[0].time + 0.001
    for place in range(count):
        repeat, line = place // len(lines), lines[place % len(lines)]
        yield line.sealed(before + place + 1, events[0].time + repeat * seconds + line.time, repeat * rounds)


def _line(event: Event, start: float) -> _Line:
    """The text of an event, cut up at its rounds."""
    batch = _batch_of(event)
    text = event_to_json(event)
    rest = text[text.index('"kind":') :]
    parts = [rest] if batch is None else rest.split(f"{_BATCH}{batch},")
    joined = [f"{part}{_BATCH}" for part in parts[:-1]] + [parts[-1]]
    return _Line(parts=(joined[0], *(f",{part}" for part in joined[1:])), time=event.time - start, batch=batch or 0)


def _batch_of(event: Event) -> int | None:
    """The round of an event, if its record names one."""
    value = json.loads(event_to_json(event))["payload"].get("batch")
    return value if isinstance(value, int) else None
