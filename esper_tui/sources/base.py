"""Where frames come from, with one protocol for a run in this process and for a saved run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from esper_tui.sources.overview import Overview
from esper_tui.state.snapshot import CockpitSnapshot

Clock = Callable[[], float]
"""Gives the time in seconds. The cockpit receives it wherever it needs the time, so that tests can stop the clock."""


class Mode(StrEnum):
    """The state word of the header."""

    STARTING = "STARTING"
    CATCHING_UP = "CATCHING UP"
    LIVE = "LIVE"
    SILENT = "SILENT"
    VIEW_PAUSED = "VIEW PAUSED"
    TRAINING_PAUSED = "TRAINING PAUSED"
    STOPPING = "STOPPING"
    REPLAY = "REPLAY"
    REPLAY_PLAYING = "REPLAY PLAYING"
    ENDED_FINISHED = "ENDED ok"
    ENDED_STOPPED = "ENDED stopped"
    ENDED_FAILED = "ENDED failed"
    CUT_OFF = "CUT OFF"
    SCREEN_FAILED = "SCREEN FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What a source reports about itself, beside the run's figures.

    origin: the directory or the file.
    newer: the number of events that a paused view holds back.
    dropped: the number of frames that were due but never drawn.
    position: the number of events that are shown.
    length: the number of events that there are.
    speed: that of a replay, or None for a live run.
    overview: the whole recording at a glance, or None for a live run.
    watched: another process trains the run.
    silent_seconds: how long a silent run has recorded nothing, or None if it is not silent.
    """

    mode: Mode
    origin: str
    newer: int
    dropped: int
    position: int
    length: int
    speed: float | None
    overview: Overview | None = None
    watched: bool = False
    silent_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What one picture needs: the run's figures and the source's own state."""

    snapshot: CockpitSnapshot
    status: SourceStatus
