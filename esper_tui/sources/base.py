"""Where frames come from: one protocol for a run in this process and for a saved run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from esper_tui.state.snapshot import CockpitSnapshot

Clock = Callable[[], float]
"""Gives seconds; injected wherever the cockpit tells the time, so that tests can hold it still."""


class Mode(StrEnum):
    """The state word of the header."""

    STARTING = "STARTING"
    LIVE = "LIVE"
    VIEW_PAUSED = "VIEW PAUSED"
    TRAINING_PAUSED = "TRAINING PAUSED"
    STOPPING = "STOPPING"
    REPLAY = "REPLAY"
    REPLAY_PLAYING = "REPLAY PLAYING"
    ENDED_FINISHED = "ENDED ok"
    ENDED_STOPPED = "ENDED stopped"
    ENDED_FAILED = "ENDED failed"
    SCREEN_FAILED = "SCREEN FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What a source says about itself, beside the run's figures.

    origin: the directory or file.
    newer: events that a paused view holds back.
    dropped: frames that were due and never drawn.
    position, length: events shown and events there are.
    speed: of a replay, None for a live run.
    """

    mode: Mode
    origin: str
    newer: int
    dropped: int
    position: int
    length: int
    speed: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture's worth: the run's figures and the source's own state."""

    snapshot: CockpitSnapshot
    status: SourceStatus
