"""The reducer's event log: bounded, newest last, step events folded into a count."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from esper.telemetry.events import DEFAULT_GROUP, Event, SeedGateEvaluated
from esper_tui.state.describe import Description, describe
from esper_tui.state.snapshot import LogLine

LOG_LENGTH: Final = 400


def _empty_lines() -> deque[LogLine]:
    return deque(maxlen=LOG_LENGTH)


@dataclass(slots=True, kw_only=True)
class EventLog:
    """lines: at most LOG_LENGTH.
    folded: events that are counted and not listed.

    last_gate: what each slot's gate said last, so that a gate which fails every epoch is listed once.
    """

    lines: deque[LogLine] = field(default_factory=_empty_lines)
    folded: int = 0
    last_gate: dict[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])

    def copy(self) -> EventLog:
        return replace(self, lines=deque(self.lines, maxlen=LOG_LENGTH), last_gate=dict(self.last_gate))

    def add(self, event: Event, *, env_id: int | None, batch: int | None, epoch: int | None) -> None:
        """List an event, or count it."""
        words = describe(event.payload)
        if words is None or self._is_repeated_gate(event, words):
            self.folded += 1
            return
        group = "" if event.group_id == DEFAULT_GROUP else f"{event.group_id}: "
        self.lines.append(
            LogLine(
                seq=event.seq,
                time=event.time,
                batch=batch,
                epoch=epoch,
                env_id=env_id,
                word=words.word,
                text=group + words.text,
                level=words.level,
            )
        )

    def _is_repeated_gate(self, event: Event, words: Description) -> bool:
        payload = event.payload
        if not isinstance(payload, SeedGateEvaluated):
            return False
        key = (payload.env_id, payload.slot_id)
        repeated = not payload.passed and self.last_gate.get(key) == words.text
        self.last_gate[key] = words.text
        return repeated
