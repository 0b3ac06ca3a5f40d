"""A saved policy acts again, and an interrupted run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from esper.contracts.blueprints import declared_blueprints
from esper.contracts.constants import AGENT_NAME
from esper.control.server import served_control
from esper.errors import CheckpointError, ConfigError, HistoryError
from esper.growth.hosts.kinds import slot_config
from esper.history.checkpoint_files import MANIFEST_FILE, SavedCheckpoint, open_checkpoint
from esper.history.host_files import list_hosts
from esper.history.reader import read_history
from esper.history.recording import Recording
from esper.history.resuming import ResumePoint
from esper.training.checkpoint import TrainerState, read_tensors
from esper.training.checkpoint_records import GroupRecord
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.frozen_agent import FrozenAgent
from esper.training.controllers.named_tensors import below, require_finite
from esper.training.controllers.protocol import Controller
from esper.training.controllers.registry import make_controller
from esper.training.group_spec import GroupSpec
from esper.training.ranks.protocol import SINGLE, Ranks
from esper.training.run_control import RunControl
from esper.training.shares import check_shares
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_groups

SHIPPED: Final = "shipped"
"""What stands for the policy that comes with Esper where a run could be named."""
_SHIPPED: Final = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPolicy:
    """A policy that was trained. Another process to which it is sent loads it from its checkpoint.

    group_id: the group whose policy it is.
    config: the one that it was trained with.
    tensors: its agent's state.
    """

    path: Path
    group_id: str
    rounds_completed: int
    config: TrainingConfig
    tensors: Mapping[str, Tensor]

    def __reduce__(self) -> tuple[Callable[[Path, str], SavedPolicy], tuple[Path, str]]:
        """For pickle: where to find the policy."""
        return _load_group, (self.path, self.group_id)

    def make_controller(self, config: TrainingConfig, device: torch.device) -> FrozenAgent:
        """The policy as a controller for the envs of config.

        It acts and never learns. This method is a ControllerFactory.

        Raises:
            ConfigError: the hosts of config have slots other than those that the policy was trained on.
        """
        self.check_slots(config)
        try:
            return FrozenAgent(replace(config, policy=self.config.policy), device, self.tensors)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from error

    def check_slots(self, config: TrainingConfig) -> None:
        """Refuse hosts that the policy cannot read.

        Raises:
            ConfigError: the hosts of config have slots other than those that the policy was trained on.
        """
        own, wanted = slot_config(self.config.host).slot_ids, slot_config(config.host).slot_ids
        if own != wanted:
            raise ConfigError(
                f"the policy of {self.path} was trained on hosts with the slots {', '.join(own)}, and this run has "
                f"{', '.join(wanted)}: give both the same host"
            )


def load_policy(path: Path | str, *, group_id: str | None = None) -> SavedPolicy:
    """The policy of a checkpoint. Loading it executes no code from the files.

    path: the checkpoint's directory, or a run's directory, which stands for the run's latest checkpoint.
    group_id: the group whose policy is wanted. It may be left out if only one group has a policy.

    Raises:
        ConfigError: there is no checkpoint, it is damaged or of another version, or several policies are in question.
    """
    saved = open_checkpoint(path)
    group = _choose(saved, group_id)
    _check_blueprints(saved, group)
    tensors = _tensors_of(saved)
    return SavedPolicy(
        path=saved.path,
        group_id=group.group_id,
        rounds_completed=saved.manifest.rounds_completed,
        config=group.config,
        tensors=below("controller", below(group.group_id, tensors)),
    )


def _load_group(path: Path, group_id: str) -> SavedPolicy:
    return load_policy(path, group_id=group_id)


def shipped_policy(preset: str) -> Path:
    """The checkpoint of the trained policy that comes with Esper for this preset.

    Raises:
        ConfigError: none comes with it.
    """
    if not has_shipped_policy(preset):
        there = ", ".join(sorted(item.parent.name for item in _SHIPPED.glob(f"*/{MANIFEST_FILE}"))) or "none"
        raise ConfigError(f"no policy is shipped for preset {preset!r}: there is one for {there}; name a run instead")
    return _SHIPPED / preset


def has_shipped_policy(preset: str) -> bool:
    """Whether a trained policy comes with Esper for this preset."""
    return (_SHIPPED / preset / MANIFEST_FILE).is_file()


def trained_policy(checkpoint: Path | str | None, preset: str, *, group_id: str | None = None) -> SavedPolicy | None:
    """The policy that is to play: that of a checkpoint, or the shipped one of this preset if no checkpoint is named.

    checkpoint: as for load_policy, or `shipped`.

    Returns:
        None if no checkpoint is named and none is shipped.

    Raises:
        ConfigError: as load_policy and shipped_policy.
    """
    if checkpoint is None and not has_shipped_policy(preset):
        return None
    if checkpoint is None or str(checkpoint) == SHIPPED:
        return load_policy(shipped_policy(preset))
    return load_policy(checkpoint, group_id=group_id)


def with_start(config: TrainingConfig) -> TrainingConfig:
    """The configuration of a run that starts from a saved policy, if controller.start names one.

    The network's sizes are then those of the saved policy.

    Raises:
        ConfigError: there is no such policy.
    """
    if not config.controller.start:
        return config
    own, floors = _start(config).config.policy, config.policy
    sizes = replace(
        own, probability_floors=floors.probability_floors, floor_anneal_episodes=floors.floor_anneal_episodes
    )
    return replace(config, policy=sizes)


def starting_controller(config: TrainingConfig, device: torch.device) -> Controller:
    """The controller that config names, which goes on from the policy that controller.start names. A ControllerFactory.

    Raises:
        ConfigError: there is no such controller or policy, or the policy is of another size.
    """
    controller = make_controller(config, device)
    if config.controller.start and isinstance(controller, Agent):
        saved = _start(config)
        saved.check_slots(config)
        controller.start_from(saved.tensors)
    return controller


def _start(config: TrainingConfig) -> SavedPolicy:
    start = config.controller.start
    return load_policy(shipped_policy(config.run.preset) if start == SHIPPED else Path(start))


def load_trainer_state(path: Path | str) -> TrainerState:
    """Where an interrupted run is to continue, for train_groups(start=...).

    path: as for load_policy.

    Raises:
        ConfigError: there is no checkpoint, or it is damaged or of another version.
        HistoryError: the run's history cannot be read, or does not have the rounds of the checkpoint.
    """
    saved = open_checkpoint(path)
    for group in saved.manifest.groups:
        _check_blueprints(saved, group)
    rounds = saved.manifest.rounds_completed
    run = saved.path.parent.parent
    earlier = tuple(summary for summary in read_history(run) if summary.batch <= rounds)
    for group in saved.manifest.groups:
        there = sum(summary.group_id == group.group_id for summary in earlier)
        if there < rounds:
            raise HistoryError(
                f"the history of {run} has {there} rounds of group {group.group_id}, and its checkpoint {rounds}: "
                "use an earlier checkpoint"
            )
    return TrainerState(
        rounds_completed=rounds,
        groups=saved.manifest.groups,
        tensors=_tensors_of(saved),
        earlier=earlier,
        kept=tuple(saved.description for saved in list_hosts(run) if saved.description.batch <= rounds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTask:
    """What the first rank of a run tells the others to train with it.

    start: where the run goes on; None for a new one.
    """

    groups: tuple[GroupSpec, ...]
    start: TrainerState | None


def train_recorded(
    groups: Sequence[GroupSpec],
    recording: Recording,
    control: RunControl,
    resume: ResumePoint | None = None,
    *,
    note: Callable[[str], object],
    ranks: Ranks = SINGLE,
) -> TrainingResult:
    """Train policy groups into a recording; console and cockpit both do it with this.

    Meanwhile other processes of the user can ask the run for what control offers (see esper.control).

    resume: from where an earlier run goes on; its groups then take the place of those given.
    note: is told what a user should know and the run can do without.
    ranks: the processes of the run, of which this one is the first. They are told what to train.

    Raises:
        ConfigError, CheckpointError, HistoryError, TelemetryWriteError, SkippedUpdatesError: as train_groups and
            load_trainer_state.
    """
    with served_control(control, recording.directory.path, note):
        task = RankTask(
            groups=tuple(groups if resume is None else resume.training_specs()),
            start=None if resume is None else _state_of(resume),
        )
        check_shares(task.groups, ranks)
        ranks.from_first(lambda: task.groups[0].config.run.plugins)
        ranks.from_first(lambda: task)
        return train_groups(
            task.groups,
            RunHooks(
                hub=recording.hub,
                run_id=recording.run_id,
                control=control,
                on_summary=recording.on_summary,
                on_checkpoint=recording.on_checkpoint,
                on_hosts=recording.on_hosts,
                make_controller=starting_controller,
                start=task.start,
                ranks=ranks,
            ),
        )


def _state_of(resume: ResumePoint) -> TrainerState:
    """The trainer as it was, with the orders that it had been given since."""
    return replace(load_trainer_state(resume.checkpoint.path), orders=resume.order_payloads)


def _tensors_of(saved: SavedCheckpoint) -> dict[str, Tensor]:
    tensors = read_tensors(saved.state_path, saved.manifest.tensors)
    try:
        require_finite(tensors)
    except ConfigError as error:
        raise CheckpointError(f"{saved.path}: {error}") from error
    return tensors


def _check_blueprints(saved: SavedCheckpoint, group: GroupRecord) -> None:
    """Refuse a policy whose blueprint head has other choices than those of this process.

    Raises:
        ConfigError: plug-ins have declared other blueprints, or in another order.
    """
    here = declared_blueprints()
    if group.controller == AGENT_NAME and group.blueprints != here:
        raise ConfigError(
            f"{saved.path} was trained with {_listed(group.blueprints)}, and this process has {_listed(here)}: load "
            "the same plug-ins in the same order (--plugin)"
        )


def _listed(blueprints: tuple[str, ...]) -> str:
    return f"the blueprints {', '.join(blueprints)} beside Esper's own" if blueprints else "Esper's own blueprints only"


def _choose(saved: SavedCheckpoint, group_id: str | None) -> GroupRecord:
    """The group that was asked for, or the only one that has a policy."""
    groups = {group.group_id: group for group in saved.manifest.groups if group.controller == AGENT_NAME}
    if not groups:
        names = ", ".join(f"{group.group_id} ({group.controller})" for group in saved.manifest.groups)
        raise ConfigError(f"{saved.path} holds no policy, only {names}: give a run of the controller {AGENT_NAME}")
    if group_id is None and len(groups) == 1:
        return next(iter(groups.values()))
    if group_id not in groups:
        asked = "no group is named" if group_id is None else f"it has no policy of group {group_id!r}"
        raise ConfigError(f"{saved.path} holds the policies of {', '.join(groups)}, and {asked}: choose one of them")
    return groups[group_id]
