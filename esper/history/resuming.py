"""Prepares a saved run to go on: which settings may change, and how its logs are cut back to a checkpoint."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.contracts.processors import allowed_processors
from esper.errors import CheckpointError, ConfigError, HistoryError
from esper.history.checkpoint_files import FIRST_SEALED_CHECKPOINT, SavedCheckpoint, open_checkpoint, point_to
from esper.history.group_settings import changed_keys, group_changes, run_document
from esper.history.lines import read_header
from esper.history.presets import with_values
from esper.history.reader import open_events, open_history
from esper.history.run_directory import RunDirectory
from esper.history.settings_file import write_settings
from esper.history.upgrade import upgrade_logs
from esper.plugins import import_plugins
from esper.telemetry.events import AlgorithmChosen, Event, EventKind, OperatorOrdered, TrainingStarted
from esper.training.checkpoint_records import CHANGEABLE
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """A run that is about to go on.

    directory: where it was recorded and will be recorded further.
    checkpoint: the checkpoint from which it goes on.
    config: what all its groups have in common, with the requested changes.
    groups: its policy groups; empty if it has only one.
    orders: what the operator ordered after the checkpoint, which the run repeats.
    """

    directory: RunDirectory
    checkpoint: SavedCheckpoint
    config: TrainingConfig
    groups: tuple[GroupSpec, ...]
    orders: tuple[Event, ...]

    @property
    def order_payloads(self) -> tuple[OperatorOrdered, ...]:
        """The orders without their envelopes."""
        return tuple(one.payload for one in self.orders if isinstance(one.payload, OperatorOrdered))

    def training_specs(self) -> tuple[GroupSpec, ...]:
        """The groups as they are to be trained, with the layer algorithm and the threads with which the run began.

        The machine would choose anew, and the results of another choice differ in the last bits. More threads than
        there are processors now are not taken.

        Raises:
            HistoryError: the log cannot be read.
        """
        specs = self.groups or (GroupSpec(config=self.config),)
        chosen = _recorded_choices(self.directory.path)
        pinned = {key: value for key, value in chosen.items() if _value(self.config, key) in ("auto", 0)}
        if not pinned:
            return specs
        return tuple(GroupSpec(config=with_values(one.config, pinned), group_id=one.group_id) for one in specs)


def find_resume_point(path: Path, changes: Mapping[str, object], *, plugins: Sequence[str] = ()) -> ResumePoint:
    """Where a run goes on. Nothing is written yet. The plug-ins that it was recorded with are imported.

    path: the run's directory, for its latest checkpoint, or the directory of one of its checkpoints.
    changes: values for settings of CHANGEABLE, by key.
    plugins: modules that the run names from now on too.

    Raises:
        ConfigError: a setting may not change, a value does not fit, or no round is left.
        CheckpointError, HistoryError: the run or the checkpoint cannot be used.
    """
    checkpoint = open_checkpoint(path)
    directory = RunDirectory.open(checkpoint.path.parent.parent)
    import_plugins(directory.named_plugins())
    saved, groups = directory.load()
    if plugins:
        changes = {"run.plugins": list(dict.fromkeys([*saved.run.plugins, *plugins])), **changes}
    _check_same_run(directory, checkpoint)
    config = with_values(saved, changes)
    _check_changes(saved, config)
    done = checkpoint.manifest.rounds_completed
    if done >= config.run.rounds:
        raise ConfigError(
            f"{directory.path} has completed {done} of {config.run.rounds} rounds: give --rounds above {done} to go on"
        )
    groups = tuple(GroupSpec(config=with_values(one.config, changes), group_id=one.group_id) for one in groups)
    return ResumePoint(
        directory=directory,
        checkpoint=checkpoint,
        config=config,
        groups=groups,
        orders=_orders_after(directory.path, done),
    )


def _orders_after(run: Path, rounds: int) -> tuple[Event, ...]:
    """What the operator ordered after the first rounds of a run."""
    found = open_events(run).lines_with(EventKind.OPERATOR_ORDERED.value)
    return tuple(one for one in found if isinstance(one.payload, OperatorOrdered) and one.payload.batch > rounds)


def _check_same_run(directory: RunDirectory, checkpoint: SavedCheckpoint) -> None:
    """Check that the logs and the checkpoint are those of one run, and that the history has the saved rounds."""
    manifest = checkpoint.manifest
    for header in (read_header(directory.events_path, "events"), read_header(directory.history_path, "history")):
        same_settings = header.config_digest == manifest.config_digest
        if manifest.schema_version < FIRST_SEALED_CHECKPOINT:
            same_settings = True  # Version 1 had another digest.
        if header.run_id != manifest.run_id or not same_settings:
            raise CheckpointError(
                f"{checkpoint.path} belongs to the run {manifest.run_id} with the settings "
                f"{manifest.config_digest[:12]}, and the {header.file} beside it to the run {header.run_id} with the "
                f"settings {header.config_digest[:12]}: use a checkpoint of this run"
            )
    last = {line.summary.group_id: line.summary.batch for line in open_history(directory.path).lines()}
    for group in manifest.groups:
        if last.get(group.group_id, 0) < manifest.rounds_completed:
            raise HistoryError(
                f"{directory.history_path} ends with round {last.get(group.group_id, 0)} of group {group.group_id}, "
                f"before the checkpoint's {manifest.rounds_completed} rounds: use an earlier checkpoint"
            )


def _check_changes(saved: TrainingConfig, config: TrainingConfig) -> None:
    changed = [key for key, _ in changed_keys(group_changes(saved, GroupSpec(config=config)))]
    refused = [key for key in changed if key not in CHANGEABLE]
    if refused:
        raise ConfigError(
            f"{', '.join(refused)} cannot change when a run goes on, because what was recorded was computed with the "
            f"old value: start a new run; what may change is {', '.join(CHANGEABLE)}"
        )


def cut_back(point: ResumePoint) -> None:
    """Remove what came after the checkpoint from both logs, and save the changed settings.

    Raises:
        HistoryError: a log cannot be read, or does not reach as far as the checkpoint.
        OSError: a file cannot be written.
    """
    last_seq = point.checkpoint.manifest.last_seq
    directory = point.directory
    upgrade_logs(directory)
    events_end = open_events(directory.path).end_of(last_seq)
    history_end = open_history(directory.path).end_of(last_seq)
    _forget_later_checkpoints(
        point.checkpoint.path
    )  # This comes first, because no checkpoint may know of more than the logs hold.
    _truncate(directory.events_path, events_end)
    _truncate(directory.history_path, history_end)
    write_settings(directory.config_path, run_document(point.config, point.groups))


def _forget_later_checkpoints(chosen: Path) -> None:
    """Make this checkpoint the latest, then remove those of rounds that are about to be played again."""
    point_to(chosen.parent, chosen.name)
    for place in chosen.parent.glob("round-*"):
        if place.name > chosen.name:
            shutil.rmtree(place)


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _recorded_choices(run: Path) -> dict[str, str | int]:
    """What the machine chose when the run began, by key, as far as the log says."""
    chosen: dict[str, str | int] = {}
    for event in open_events(run).lines():
        if isinstance(event.payload, TrainingStarted):
            threads = event.payload.threads or 0
            if 1 <= threads <= allowed_processors():
                chosen["run.threads"] = threads
        if isinstance(event.payload, AlgorithmChosen):
            chosen["fleet.conv_algorithm"] = event.payload.algorithm
            break
        if event.seq > _FIRST_EVENTS:
            break
    return chosen


def _value(config: TrainingConfig, key: str) -> object:
    return config.fleet.conv_algorithm if key == "fleet.conv_algorithm" else config.run.threads


_FIRST_EVENTS: Final = 10
"""ALGORITHM_CHOSEN is among the first few events; looking further would read the whole log."""
