"""The events of a run as a whole: how it was set up, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from esper.contracts.actions import Blueprint
from esper.errors import RecordError
from esper.telemetry.bounds import (
    Batch,
    BatchCount,
    Coefficient,
    Count,
    Duration,
    EnvCount,
    EnvId,
    EpisodeLength,
    HostSize,
    RandomSeed,
)
from esper.telemetry.events.kinds import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStarted:
    """A policy group of a run: the envs for which one controller decides.

    learns: whether it makes PPO updates.
    """

    group_id: str
    controller: str
    learns: bool
    reward_mode: str
    reward_family: str
    env_ids: tuple[EnvId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """The first event of a run. Its rewards and learning rates are those of the first group.

    n_envs: the number of envs of all groups together.
    blueprints: those that can be germinated; None in files of a version that did not record them.
    groups: empty in files that were written before there were groups.
    blas: the library that multiplies torch's matrices; None in files of version 1.
    data_digest: the SHA-256, in hexadecimal, of all splits of the task's data; None in files of version 1.
    """

    kind: ClassVar[EventKind] = EventKind.TRAINING_STARTED
    run_id: str
    package_version: str
    preset: str
    task: str
    host_params: HostSize
    slot_ids: tuple[str, ...]
    blueprints: tuple[Blueprint, ...] | None
    n_envs: EnvCount
    max_epochs: EpisodeLength
    max_batches: Batch
    start_batch: Batch
    steps_per_epoch: Count | None
    num_classes: Count | None
    seed: RandomSeed
    device: str
    threads: Count | None
    reward_mode: str
    reward_family: str | None
    learning_rate: Coefficient
    clip_ratio: Coefficient
    entropy_coef: Coefficient
    conv_algorithm: str | None
    blas: str | None
    data_digest: str | None
    groups: tuple[GroupStarted, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a run without a round, which no share of rounds could describe.

        Raises:
            RecordError: it starts after its last round.
        """
        if self.start_batch > self.max_batches:
            raise RecordError(
                "payload.start_batch",
                self.start_batch,
                "at most max_batches",
                problem=f"is {self.start_batch}: expected at most max_batches, {self.max_batches}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmTime:
    """One way of computing stacked layers.

    milliseconds: the duration of a training step, or None if this way does not work on this device.
    """

    algorithm: str
    milliseconds: Duration | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmChosen:
    """How the fleet's layers compute. It is emitted once per run, after TRAINING_STARTED.

    shape: what was measured, in words.
    source: configured, measured, or remembered from an earlier run on this machine.
    candidates: empty if the config decides.
    """

    kind: ClassVar[EventKind] = EventKind.ALGORITHM_CHOSEN
    algorithm: str
    source: str
    shape: str
    candidates: tuple[AlgorithmTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkDetached:
    """A sink failed and receives no more events. Training goes on without it.

    sink: what messages call it.
    reason: what it raised.
    """

    kind: ClassVar[EventKind] = EventKind.SINK_DETACHED
    sink: str
    reason: str


class RunEnd(StrEnum):
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """The last event of a run that ended in an orderly way.

    A file without it was cut off, or is still being written.

    signal: the name of the signal that asked a stopped run to end, for example SIGTERM; None if it was asked in another
        way, or was not stopped.
    """

    kind: ClassVar[EventKind] = EventKind.TRAINING_ENDED
    end: RunEnd
    batches_completed: BatchCount
    wall_seconds: Duration
    error: str | None = None
    signal: str | None = None
