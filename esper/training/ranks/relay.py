"""Where the envs of a rank report, so that the first rank records what those of all ranks did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from esper.telemetry.events import DEFAULT_GROUP, Payload, Severity
from esper.telemetry.hub import Hub
from esper.training.ranks.protocol import Ranks


class Emitter(Protocol):
    """Takes the reports of a rank's own envs."""

    def emit(self, payload: Payload, *, severity: Severity = Severity.INFO, group_id: str = DEFAULT_GROUP) -> object:
        """Report something, now or with the next delivery."""
        ...


@dataclass(frozen=True, slots=True)
class _Report:
    payload: Payload
    severity: Severity
    group_id: str


class EventRelay:
    """Holds what this rank reports until all ranks deliver. Then the first rank emits it, rank by rank.

    A rank's envs are neighbours, so this is the order of the envs, as in a run of one process.
    """

    def __init__(self, hub: Hub, ranks: Ranks) -> None:
        """hub: the first rank's records the run; those of the others need no sink."""
        self._hub = hub
        self._ranks = ranks
        self._held: list[_Report] = []

    @property
    def target(self) -> Emitter:
        """Where to report: with a single rank the hub itself, so that nothing is held back."""
        return self._hub if self._ranks.size == 1 else self

    def emit(self, payload: Payload, *, severity: Severity = Severity.INFO, group_id: str = DEFAULT_GROUP) -> None:
        self._held.append(_Report(payload, severity, group_id))

    def deliver(self) -> None:
        """Let the first rank emit what every rank holds. All ranks must call it; it waits for them."""
        if self._ranks.size == 1:
            return
        held, self._held = self._held, []
        for rank, reports in enumerate(self._ranks.collect(held)):
            for report in reports:
                self._hub.emit(report.payload, severity=report.severity, group_id=report.group_id, rank=rank)
