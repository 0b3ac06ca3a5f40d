"""The trainer's side of checkpoints: what outlives a round, as named tensors that go to a file and come back.

Every random stream is derived from the run's seed and the round's number. Nothing but that number and what the groups
carry from round to round has to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from esper.contracts.blueprints import declared_blueprints
from esper.contracts.files import read_file
from esper.contracts.settings import walk_settings
from esper.errors import ConfigError
from esper.growth.grown import GrownHost
from esper.telemetry.events import OperatorOrdered
from esper.training.checkpoint_records import CHANGEABLE, GroupRecord, TensorRecord, TrainerCheckpoint
from esper.training.controllers.named_tensors import below, dtype_name, prefixed, require_same_layout
from esper.training.group import Group
from esper.training.vectorized_types import BatchSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerState:
    """Where a run is to continue.

    groups: the policy groups that were saved, with their settings.
    tensors: the saved tensors of every group.
    earlier: the summaries of the completed rounds, from which rolling means follow.
    orders: those of the operator that the interrupted run had taken after these rounds.
    """

    rounds_completed: int
    groups: tuple[GroupRecord, ...]
    tensors: Mapping[str, Tensor]
    earlier: tuple[BatchSummary, ...]
    kept: tuple[GrownHost, ...] = ()
    orders: tuple[OperatorOrdered, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a state that cannot be one.

        Raises:
            ConfigError: no round is complete, or a group has not exactly the summaries of the complete rounds.
        """
        rounds = self.rounds_completed
        if rounds < 1:
            raise ConfigError(f"a run goes on after at least one complete round, and this state has {rounds}")
        for group in self.groups:
            batches = [item.batch for item in self.earlier if item.group_id == group.group_id]
            if batches != list(range(1, rounds + 1)):
                raise ConfigError(
                    f"the history of group {group.group_id} has {len(batches)} of the {rounds} rounds that are complete"
                )


class CheckpointSchedule:
    """Decides when checkpoints are written: every interval rounds, unless that is 0, and at the end of a run."""

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        interval: int,
        on_checkpoint: Callable[[TrainerCheckpoint], None] | None,
    ) -> None:
        """on_checkpoint: keeps the checkpoint that it receives. Without it, nothing is captured."""
        self._groups = groups
        self._interval = interval
        self._on_checkpoint = on_checkpoint
        self._unsaved: TrainerCheckpoint | None = None

    def after_round(self, rounds_completed: int, last_seq: int) -> None:
        """Remember the groups as they are between two rounds, and save them if a checkpoint is due."""
        if self._on_checkpoint is None:
            return
        self._unsaved = capture(self._groups, rounds_completed=rounds_completed, last_seq=last_seq)
        if self._interval and rounds_completed % self._interval == 0:
            self.save()

    def save(self) -> None:
        """Save the groups as they were after the last completed round, unless that has been done already."""
        if self._on_checkpoint is not None and self._unsaved is not None:
            self._on_checkpoint(self._unsaved)
            self._unsaved = None


def capture(groups: Sequence[Group], *, rounds_completed: int, last_seq: int) -> TrainerCheckpoint:
    """A copy of what the groups carry from this round to the next."""
    tensors: dict[str, Tensor] = {}
    for group in groups:
        tensors.update(prefixed(group.group_id, group.state()))
    return TrainerCheckpoint(
        rounds_completed=rounds_completed,
        last_seq=last_seq,
        groups=tuple(
            GroupRecord(
                group_id=group.group_id,
                controller=group.controller.name,
                learns=group.controller.learns,
                config=group.config,
                blueprints=declared_blueprints(),
            )
            for group in groups
        ),
        tensors=tuple(
            TensorRecord(name=name, dtype=dtype_name(tensor), shape=tuple(tensor.shape))
            for name, tensor in tensors.items()
        ),
        write_state=partial(write_tensors, tensors),
    )


def restore(groups: Sequence[Group], tensors: Mapping[str, Tensor]) -> None:
    """Put the groups into the state that was captured.

    Raises:
        ConfigError: the tensors are not those of such groups.
    """
    expected: dict[str, Tensor] = {}
    for group in groups:
        expected.update(prefixed(group.group_id, group.state()))
    require_same_layout(tensors, expected)
    for group in groups:
        group.load_state(below(group.group_id, tensors))


def require_same_run(saved: Sequence[GroupRecord], groups: Sequence[Group]) -> None:
    """Check that a run goes on with the groups and settings with which it was saved, but for those of CHANGEABLE.

    Raises:
        ConfigError: something differs; the message names it.
    """
    names, wanted = [one.group_id for one in saved], [one.group_id for one in groups]
    if names != wanted:
        raise ConfigError(f"the checkpoint is of the groups {', '.join(names)}, and this run has {', '.join(wanted)}")
    for one, group in zip(saved, groups, strict=True):
        then = {entry.key: entry.default for entry in walk_settings(one.config)}
        now = {entry.key: entry.default for entry in walk_settings(group.config)}
        changed = [key for key in now if now[key] != then[key] and key not in _MAY_DIFFER]
        if changed:
            key = changed[0]
            more = f", and {len(changed) - 1} more differ" if len(changed) > 1 else ""
            raise ConfigError(
                f"{key} is {now[key]!r} in group {one.group_id}, and was {then[key]!r} when the checkpoint was saved"
                f"{more}: go on with the settings that saved it"
            )


_MAY_DIFFER: Final = (*CHANGEABLE, "fleet.conv_algorithm")
"""The algorithm is pinned to the one that the run began with when it goes on."""


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write named tensors to a new safetensors file.

    Raises:
        OSError: it cannot be written.
    """
    plain = {name: tensor.to("cpu").contiguous() for name, tensor in tensors.items()}
    with path.open("xb") as file:
        file.write(save(plain))


def read_tensors(path: Path, records: Sequence[TensorRecord]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU. Reading it executes no code.

    Raises:
        ConfigError: the file cannot be read, or does not hold the tensors of these records.
    """
    try:
        tensors = load(read_file(path, most=None))
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} cannot be read ({error}): use another checkpoint of the run") from error
    found = {TensorRecord(name=n, dtype=dtype_name(t), shape=tuple(t.shape)) for n, t in tensors.items()}
    for record in sorted(found ^ set(records), key=lambda item: item.name):
        where = "in the file but not" if record in found else "missing from the file but"
        raise ConfigError(
            f"{path}: tensor {record.name} ({record.dtype} {list(record.shape)}) is {where} in the manifest: "
            "use another checkpoint of the run"
        )
    return tensors
