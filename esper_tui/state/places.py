"""What a reader may type to go somewhere, and which position of a recording that is."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Final

from esper.errors import ConfigError
from esper.history.event_index import EpochPlace, EventIndex
from esper.telemetry.events import EventKind

EXAMPLES: Final = "7 env · #4128 event · r12 round · e20 epoch · r12 e20 · 13:04 · -5m · 50% · end · prune · -rollback"

SHORTEST_WORD: Final = 3
"""As much of the name of a kind of event as must be typed."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class ToEnv:
    """An env by its number."""

    env_id: int


@dataclass(frozen=True, slots=True)
class ToEvent:
    """An event by its seq."""

    seq: int


@dataclass(frozen=True, slots=True)
class ToRound:
    """The end of a round."""

    batch: int


@dataclass(frozen=True, slots=True)
class ToEpoch:
    """The end of a host epoch of the fleet; of the round on screen if none is given."""

    epoch: int
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class ToClock:
    """A time of day, in seconds since midnight, on the day on screen or the nearest on which the run was recorded."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ToOffset:
    """So many seconds later (positive) or earlier than what is on screen."""

    seconds: int


@dataclass(frozen=True, slots=True)
class ToShare:
    """A share of all events, 0 to 1."""

    share: float


@dataclass(frozen=True, slots=True)
class ToKind:
    """The next (1) or previous (-1) event of one of these kinds."""

    kinds: tuple[EventKind, ...]
    direction: int


Place = ToEnv | ToEvent | ToRound | ToEpoch | ToClock | ToOffset | ToShare | ToKind


def parse_place(text: str) -> Place:
    """Read what was typed.

    Raises:
        ConfigError: it names no place.

    >>> parse_place("r12 e20"), parse_place("50%"), parse_place("-5m")
    (ToEpoch(epoch=20, batch=12), ToShare(share=0.5), ToOffset(seconds=-300))
    """
    words = " ".join(text.lower().split())
    if not words.isascii() or len(words) > 60:
        raise ConfigError(f"{text[:40]!r} is no place; write, for example: {EXAMPLES}")
    if words == "end":
        return ToShare(1.0)
    found = _numbered(words) or _timed(words)
    return found if found is not None else _kind(words, text)


def _numbered(words: str) -> Place | None:
    if match := re.fullmatch(r"(?:env ?)?(\d{1,6})", words):
        return ToEnv(int(match[1]))
    if match := re.fullmatch(r"# ?(\d{1,18})", words):
        return ToEvent(int(match[1]))
    if match := re.fullmatch(r"r ?(\d{1,9})", words):
        return ToRound(int(match[1]))
    if match := re.fullmatch(r"(?:r ?(\d{1,9}) ?)?e ?(\d{1,9})", words):
        return ToEpoch(int(match[2]), None if match[1] is None else int(match[1]))
    if match := re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?) ?%", words):
        if float(match[1]) > 100:
            raise ConfigError(f"{words}: a share is 0% to 100%")
        return ToShare(float(match[1]) / 100)
    return None


def _timed(words: str) -> Place | None:
    if match := re.fullmatch(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", words):
        hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
        if hours > 23 or minutes > 59 or seconds > 59:
            raise ConfigError(f"{words} is no time of day")
        return ToClock(3600 * hours + 60 * minutes + seconds)
    if match := re.fullmatch(r"t?([+-])(\d{1,6})([smhd])", words):
        return ToOffset(int(match[1] + match[2]) * _UNITS[match[3]])
    return None


def _kind(words: str, text: str) -> ToKind:
    wanted = words.lstrip("-").strip().replace(" ", "_").replace("-", "_")
    kinds = tuple(kind for kind in EventKind if len(wanted) >= SHORTEST_WORD and wanted in kind.value.lower())
    if not kinds:
        raise ConfigError(f"{text.strip()!r} is no place and no kind of event; write, for example: {EXAMPLES}")
    return ToKind(kinds, -1 if words.startswith("-") else 1)


def position_of(place: Place, index: EventIndex, here: int) -> int:
    """The position of a place other than an env.

    here: the position on screen.

    Raises:
        ConfigError: the recording has no such place.
    """
    match place:
        case ToEvent():
            return index.after_seq(place.seq)
        case ToRound():
            return _after_epoch(index, place.batch, None)
        case ToEpoch():
            return _after_epoch(index, place.batch, place.epoch, here)
        case ToClock() | ToOffset():
            return _at_time(place, index, here)
        case ToShare():
            return index.at_share(place.share)
        case ToKind():
            found = index.next_kind(place.kinds, here, place.direction)
            if found is None:
                names = " or ".join(kind.value for kind in place.kinds[:3])
                raise ConfigError(f"there is no {'later' if place.direction > 0 else 'earlier'} {names}")
            return found
        case ToEnv():
            raise AssertionError("an env is no moment")


def _after_epoch(index: EventIndex, batch: int | None, epoch: int | None, here: int = 0) -> int:
    """The position at which a round, or a host epoch of one, is complete."""
    if batch is None:
        now = index.epoch_at(here) or index.epoch_at(len(index))
        batch = now.batch if now is not None else 0
    position = index.after_round(batch) if epoch is None else index.after_epoch(EpochPlace(batch=batch, epoch=epoch))
    reached = index.epoch_at(position)
    if reached is None or reached.batch != batch or (epoch is not None and reached.epoch != epoch):
        named = f"round {batch}" if epoch is None else f"epoch {epoch} in round {batch}"
        last = index.epoch_at(len(index))
        there = f"it ends at r{last.batch} e{last.epoch}" if last is not None else "it has no host epoch"
        raise ConfigError(f"the recording has no {named}: {there}")
    return position


def _at_time(place: ToClock | ToOffset, index: EventIndex, here: int) -> int:
    if not len(index):
        raise ConfigError("the recording is empty")
    now = index.times[max(here - 1, 0)]
    if isinstance(place, ToOffset):
        return index.at_time(now + place.seconds)
    local = time.localtime(now)
    midnight = now - (3600 * local.tm_hour + 60 * local.tm_min + local.tm_sec) - now % 1
    moments = [midnight + place.seconds + days * _DAY for days in (0, -1, 1)]
    first, last = index.times[0], index.times[-1]
    inside = [moment for moment in moments if int(first) <= moment <= last]
    if not inside:
        clocks = " to ".join(time.strftime("%H:%M:%S", time.localtime(one)) for one in (first, last))
        raise ConfigError(f"the recording has nothing at that time: it goes from {clocks}")
    return index.at_time(inside[0])
