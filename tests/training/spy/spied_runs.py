"""The runs that are spied on, each a few seconds at most, and what happened in them, env by env."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from anew_seeds import stage
from spied import Act, Batch, Lesson, Spy

from esper.contracts.actions import Op
from esper.fleet.measure import EnvMeasurement
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import LastAction
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

SMALL = (
    "run.rounds=2",
    "run.threads=1",
    "host.base_channels=2",
    "fleet.envs=3",
    "fleet.episode_length=14",
    "fleet.steps_per_epoch=1",
    "fleet.batch_size=32",
    "fleet.conv_algorithm=auto",
    "fleet.seed_learning_rate=0.5",
    "growth.min_training_epochs=1",
    "growth.min_prune_age=3",
    "growth.embargo_epochs=1",
    "growth.holding_timeout=3",
    "reward.timing_warmup_epochs=6",
    "policy.feature_size=16",
    "policy.hidden_size=16",
    "policy.head_size=16",
    "policy.value_size=16",
    "ppo.epochs=3",
    "ppo.minibatches=1",
)
QUICK_LIVES = tuple(f"growth.auto_forward_g{gate}=true" for gate in (1, 2, 3))
ALONE = "fleet.control_hosts=false"
LOSS = ("reward.family=loss", "reward.loss_delta_std=0.01")


def play(name: str) -> Spy:
    """The run of that name."""
    spy = Spy()
    spy.watch(_SPECS[name], damage if name == "lost" else None)
    return spy


@torch.no_grad()
def damage(batch: Batch) -> None:
    """Every other host has no number left in a weight as soon as it holds a seed in HOLDING, or one beside a fossil."""
    fleet, garden = batch.world.fleet, batch.world.garden
    for row in range(0, fleet.rows, 2):
        stages = [stage(seed) for seed in garden.infos(row)]
        beside = "FOSSILIZED" in stages and {"TRAINING", "BLENDING"} & set(stages)
        if "HOLDING" in stages if row % 4 == 0 else beside:
            next(fleet._shards[0]._network.host.parameters())[row, 0] = torch.nan


def _config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits"), [*SMALL, *overrides])


def _one(*overrides: str) -> list[GroupSpec]:
    return [GroupSpec(config=_config(*overrides))]


_SPECS = {
    "shaped": _one("growth.op_masks=succeeding", "ppo.horizon=terminate", "governor.snapshot_interval=100"),
    "truncated": _one(ALONE, "growth.op_masks=possible", "ppo.horizon=truncate", "growth.single_incubation=false"),
    "loss": _one(ALONE, *LOSS, "ppo.horizon=truncate", *QUICK_LIVES, "growth.single_incubation=false"),
    "lost": _one(
        ALONE, *QUICK_LIVES, "fleet.envs=8", "growth.holding_timeout=0", "growth.single_incubation=false",
        "governor.snapshot_interval=100",
    ),
    "groups": [
        GroupSpec(config=_config(*QUICK_LIVES, "ppo.horizon=truncate"), group_id="A"),
        GroupSpec(config=_config(*QUICK_LIVES, *LOSS, "ppo.horizon=terminate", "reward.clip=2"), group_id="B"),
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """One env's step and everything that it may depend on.

    place: the env's index in its group.
    row: the env's index in the fleet.
    measured: of every epoch up to this one.
    control: the same for the host that never grew.
    told: the event of the step.
    """

    config: TrainingConfig
    place: int
    row: int
    epoch: int
    act: Act
    measured: tuple[EnvMeasurement, ...]
    control: tuple[EnvMeasurement, ...] | None
    host_params: int
    slot_ids: tuple[str, ...]
    told: LastAction

    @property
    def op(self) -> Op:
        return self.act.spec.op

    @property
    def slot(self) -> int:
        return self.act.spec.slot_idx

    @property
    def success(self) -> bool:
        return self.act.refused is None

    @property
    def last(self) -> bool:
        return self.epoch == self.config.fleet.episode_length

    @property
    def control_accuracy(self) -> float | None:
        return None if self.control is None else self.control[-1].val_accuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One env's episode in one batch of one group.

    lost: whether the governor ended it.
    """

    batch: int
    group: int
    place: int
    row: int
    lost: bool
    steps: tuple[Lived, ...]


def lessons(spy: Spy) -> Iterator[tuple[int, int, Lesson]]:
    """(group, batch counted from 1, lesson) of every agent."""
    for group, agent in enumerate(spy.agents):
        for batch, lesson in enumerate(agent.lessons, start=1):
            yield group, batch, lesson


def episodes(spy: Spy, group: int, batch: int) -> list[Episode]:
    """The episodes of one group in one batch, in the order of its envs."""
    config = spy.agents[group].config
    return [_episode(spy, group, batch, place) for place in range(config.fleet.envs)]


def all_episodes(spy: Spy) -> list[Episode]:
    return [one for group, batch, _ in lessons(spy) for one in episodes(spy, group, batch)]


def _episode(spy: Spy, group: int, batch: int, place: int) -> Episode:
    config, log = spy.agents[group].config, spy.batches[batch - 1]
    row = group * config.fleet.envs + place
    told = {one.epoch: one for one in spy.of(LastAction) if (one.batch, one.env_id) == (batch, row)}
    controls = log.world.control_rows
    steps = []
    for epoch in range(1, config.fleet.episode_length + 1):
        if (row, epoch) in log.acts:
            lived = log.measurements[:epoch]
            steps.append(
                Lived(
                    config=config,
                    place=place,
                    row=row,
                    epoch=epoch,
                    act=log.acts[row, epoch],
                    measured=tuple(one[row] for one in lived),
                    control=None if controls is None else tuple(one[controls[place]] for one in lived),
                    host_params=log.world.fleet.host_parameter_count,
                    slot_ids=log.world.fleet.slot_config.slot_ids,
                    told=told[epoch],
                )
            )
    return Episode(batch=batch, group=group, place=place, row=row, lost=row in log.lost, steps=tuple(steps))
