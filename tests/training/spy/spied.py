"""A spy over the real trainer. It looks through the seams between the rooms, keeps what it saw, and changes nothing.

What it keeps is compared with rules that are written anew in the modules called anew_*: small, obvious Python in double
precision, which shares no formula with the package.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TypeVar

import pytest
import torch
from torch import Tensor

from esper.contracts.seeds import SeedInfo
from esper.fleet.fleet import Fleet
from esper.fleet.measure import EnvMeasurement
from esper.policy.acting import Decision
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.telemetry.events import Event, Payload
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.protocol import StepResult
from esper.training.episode.world import BatchWorld
from esper.training.episode.world_maker import WorldMaker
from esper.training.garden import Garden
from esper.training.group_spec import GroupSpec
from esper.training.ppo import update
from esper.training.ppo.losses import LossInputs
from esper.training.ppo.metrics import StepReading
from esper.training.ppo.rollout_buffer import RolloutTensors
from esper.training.vectorized_trainer import RunHooks, train_groups
from esper.training.vectorized_types import ActionSpec

P = TypeVar("P", bound=Payload)
Slots = tuple[SeedInfo | None, ...]


@dataclass(slots=True, kw_only=True)
class Act:
    """One env's action.

    before: its slots when the action began.
    after: its slots once the clock had ticked.
    """

    before: Slots
    spec: ActionSpec
    refused: str | None = None
    after: Slots = ()


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch of the fleet. Epochs count from 1, rows are those of the fleet.

    measurements: one entry per epoch.
    snapshots: the epochs after which each row was copied.
    lost: the slots of each row that the governor gave up, just before.
    """

    world: BatchWorld
    measurements: list[tuple[EnvMeasurement, ...]] = field(default_factory=list)
    acts: dict[tuple[int, int], Act] = field(default_factory=dict)
    snapshots: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    lost: dict[int, Slots] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        return len(self.measurements)


Fault = Callable[[Batch], None]
"""Damages hosts after they were trained for an epoch."""


@dataclass(slots=True, kw_only=True)
class Lesson:
    """One batch as one group's agent lived it.

    policy: a copy, in double precision, of the weights with which the batch was played.
    known, learned: the agent's state before and after the update.
    after_last: what it was shown once time had run out.
    """

    policy: FactoredRecurrentPolicy
    known: dict[str, Tensor]
    situations: list[Situation] = field(default_factory=list)
    decisions: list[Sequence[Decision]] = field(default_factory=list)
    results: list[StepResult] = field(default_factory=list)
    after_last: Observation | None = None
    penalties: dict[int, float] = field(default_factory=dict)
    rollout: RolloutTensors | None = None
    inputs: list[LossInputs] = field(default_factory=list)
    readings: list[StepReading] = field(default_factory=list)
    optimizer_steps: int = 0
    learned: dict[str, Tensor] = field(default_factory=dict)


class SpiedAgent(Agent):
    """The agent itself, with a notebook."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        super().__init__(config, device)
        self.config = config
        self.lessons: list[Lesson] = []

    def begin_batch(self, reward_scale: float) -> None:
        known = self.state()
        super().begin_batch(reward_scale)
        self.lessons.append(Lesson(policy=copy.deepcopy(self.policy).double(), known=known))

    def decide(self, situation: Situation, generator: torch.Generator) -> tuple[Decision, ...]:
        decided = super().decide(situation, generator)
        self.lessons[-1].situations.append(situation)
        self.lessons[-1].decisions.append(decided)
        return decided

    def record(self, result: StepResult) -> None:
        self.lessons[-1].results.append(result)
        super().record(result)

    def bootstrap(self, observation: Observation) -> None:
        self.lessons[-1].after_last = observation
        super().bootstrap(observation)

    def penalise(self, env: int, reward: float) -> None:
        self.lessons[-1].penalties[env] = reward
        super().penalise(env, reward)

    def learn(self, generator: torch.Generator):
        lesson, losses, read = self.lessons[-1], update.ppo_losses, update._read
        seen = self._buffer.tensors()
        lesson.rollout = RolloutTensors(**{item.name: getattr(seen, item.name).clone() for item in fields(seen)})
        step = self._updater.optimizer.step

        def ppo_losses(evaluation, inputs, coefficients, ranks):
            lesson.inputs.append(inputs)
            return losses(evaluation, inputs, coefficients, ranks)

        def reading(batch, gradient):
            found = read(batch, gradient)
            lesson.readings.append(found[1])
            return found

        def optimizer_step() -> None:
            lesson.optimizer_steps += 1
            step()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(update, "ppo_losses", ppo_losses)
            patch.setattr(update, "_read", reading)
            patch.setattr(self._updater.optimizer, "step", optimizer_step)
            metrics = super().learn(generator)
        lesson.learned = self.state()
        return metrics


class Spy:
    """What a run did: its batches, its agents in the order of the groups, and its events."""

    name = "spy"
    critical = False

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.agents: list[SpiedAgent] = []
        self.events: list[Event] = []

    def accept(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    def of(self, kind: type[P]) -> Iterator[P]:
        return (event.payload for event in self.events if isinstance(event.payload, kind))

    def controller(self, config: TrainingConfig, device: torch.device) -> SpiedAgent:
        self.agents.append(SpiedAgent(config, device))
        return self.agents[-1]

    def watch(self, specs: Sequence[GroupSpec], fault: Fault | None) -> None:
        """Play the whole run. Everything in it is the trainer's own but the dice, so that rounding changes no story."""
        hub = Hub()
        hub.add_sink(self)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("esper.policy.acting.choose", busily)
            patch.setattr(WorldMaker, "make", self._making(WorldMaker.make))
            patch.setattr(Fleet, "train_epoch", self._training(Fleet.train_epoch, fault))
            patch.setattr(Fleet, "collect", self._collecting(Fleet.collect))
            patch.setattr(Fleet, "snapshot_row", self._copying(Fleet.snapshot_row))
            patch.setattr(Garden, "execute", self._executing(Garden.execute))
            patch.setattr(Garden, "tick", self._ticking(Garden.tick))
            patch.setattr(Garden, "prune_live", self._pruning(Garden.prune_live))
            train_groups(specs, RunHooks(hub=hub, make_controller=self.controller))

    @property
    def _batch(self) -> Batch:
        return self.batches[-1]

    def _making(self, make):
        def making(worlds: WorldMaker, batch: int) -> BatchWorld:
            world = make(worlds, batch)
            self.batches.append(Batch(world=world))
            return world

        return making

    def _training(self, train_epoch, fault: Fault | None):
        def training(fleet: Fleet, batches):
            totals = train_epoch(fleet, batches)
            if fault is not None:
                fault(self._batch)
            return totals

        return training

    def _collecting(self, collect):
        def collecting(fleet: Fleet, train, evaluation):
            found = collect(fleet, train, evaluation)
            if train is not None:
                self._batch.measurements.append(found)
            return found

        return collecting

    def _copying(self, snapshot_row):
        def copying(fleet: Fleet, env: int):
            self._batch.snapshots[env].append(self._batch.epoch)
            return snapshot_row(fleet, env)

        return copying

    def _executing(self, execute):
        def executing(garden: Garden, env: int, spec: ActionSpec, val_accuracy: float):
            act = Act(before=garden.infos(env), spec=spec)
            self._batch.acts[env, self._batch.epoch] = act
            found = execute(garden, env, spec, val_accuracy)
            act.refused = found.refused
            return found

        return executing

    def _ticking(self, tick):
        def ticking(garden: Garden, env: int):
            events = tick(garden, env)
            self._batch.acts[env, self._batch.epoch].after = garden.infos(env)
            return events

        return ticking

    def _pruning(self, prune_live):
        def pruning(garden: Garden, env: int, reason: str):
            self._batch.lost[env] = garden.infos(env)
            return prune_live(garden, env, reason)

        return pruning


def busily(probabilities_hn: Tensor, uniforms_h: Tensor, _how: str) -> Tensor:
    """One of the legal choices, whatever the policy thinks of them. The last are likelier, and WAIT is the first."""
    legal_hn = probabilities_hn > 0
    wanted_h = (uniforms_h.sqrt() * legal_hn.sum(-1)).long()
    return ((legal_hn.cumsum(-1) > wanted_h.unsqueeze(-1)) & legal_hn).int().argmax(-1)
