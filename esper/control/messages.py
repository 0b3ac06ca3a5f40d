"""What is said over a control socket: one request and one answer, each a record on one line of JSON."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from esper.contracts.orders import Order

LONGEST_MESSAGE: Final = 4096
"""The most bytes of a line, its newline included."""


class Action(StrEnum):
    """What a run can be asked for.

    STATUS: nothing but an answer.
    PAUSE: hold before the next host epoch.
    RESUME: go on after a pause.
    CHECKPOINT: save the last complete round.
    STOP: end after the host epoch, without the unfinished round.
    STOP_AFTER_ROUND: finish the round, and then end.
    """

    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    CHECKPOINT = "checkpoint"
    STOP = "stop"
    STOP_AFTER_ROUND = "stop-after-round"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks for."""

    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client wants one env to do at its next decision."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The state of the run after a request.

    pid: the process that trains.
    paused: it holds before the next host epoch.
    stopping: it ends after this host epoch.
    stopping_after_round: it ends after this round.
    checkpoint_due: a checkpoint was asked for that is not written yet.
    problem: why the request was refused; None if it was not.
    """

    pid: int
    paused: bool
    stopping: bool
    stopping_after_round: bool
    checkpoint_due: bool
    problem: str | None
