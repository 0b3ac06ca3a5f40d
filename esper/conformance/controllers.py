"""Checks that a controller keeps the promises of Controller, for authors of controllers and for our own tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from esper.conformance.report import ConformanceReport, Finding
from esper.contracts.actions import PLACEHOLDERS, RELEVANT_HEADS, Head
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.policy.acting import Decision
from esper.policy.baselines.config import ControllerConfig
from esper.policy.baselines.deciding import IllegalChoiceError
from esper.policy.legal import LegalChoices, legal_choices
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.rewards.config import RewardConfig
from esper.rewards.normalizer import RewardNormalizer
from esper.tasks.batches import BatchSource
from esper.tasks.data import Split, TaskData, channel_statistics
from esper.telemetry.events import PPOMetrics
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.protocol import Controller, StepResult
from esper.training.controllers.registry import ControllerFactory, find_controller
from esper.training.episode.rollout import Rollout
from esper.training.episode.world import BatchWorld
from esper.training.garden import Garden
from esper.training.group import Group
from esper.training.phase_clock import PhaseClock
from esper.training.run_control import RunControl

_BATCHES: Final = 2
_CPU: Final = torch.device("cpu")


def check_config(name: str, growth: GrowthConfig | None = None, *, epochs: int = 24) -> TrainingConfig:
    """Two tiny hosts with three slots each, whose seeds live fast, under the controller of this name."""
    fast = GrowthConfig(min_training_epochs=2, min_prune_age=2, embargo_epochs=2)
    return TrainingConfig(
        host=HostConfig(base_channels=2, blocks=3, pool_layers=1),
        growth=growth or fast,
        fleet=FleetConfig(envs=2, episode_length=epochs, batch_size=6, gradient_stride=1),
        reward=RewardConfig(),
        controller=ControllerConfig(name=name),
    )


def check_controller(
    name: str, *, config: TrainingConfig | None = None, make: ControllerFactory | None = None
) -> ConformanceReport:
    """Let the controller of this name grow real, tiny hosts for two batches, twice, and check what the trainer needs.

    - It makes one decision per env, and only decisions that the masks allow.
    - Heads that do not matter carry placeholders.
    - Probabilities and entropies are possible ones.
    - The same seed gives the same decisions.
    - learn() returns metrics if the controller says that it learns, and only then.

    config: is used in place of check_config(name).
    make: is used in place of the factory that is registered under the name.

    Raises:
        ConfigError: there is no such controller.
    """
    settings, factory = config or check_config(name), make or find_controller(name).make
    first, second = _watch(settings, factory), _watch(settings, factory)
    same = first.chosen == second.chosen
    return ConformanceReport(
        subject=f"controller {name}",
        findings=(
            *(Finding(check=check, passed=not first.faults[check], detail=first.detail(check)) for check in _CHECKS),
            Finding(
                check=_REPEATS,
                passed=same,
                detail="equal twice" if same else "two controllers with one seed decide differently",
            ),
        ),
    )


_COUNT: Final = "a decision per env"
_LEGAL: Final = "only legal actions"
_PLACEHOLDERS: Final = "placeholders where unused"
_PROBABILITIES: Final = "probabilities are such"
_LEARNS: Final = "metrics if it learns"
_REPEATS: Final = "same seed, same decisions"
_CHECKS: Final = (_COUNT, _LEGAL, _PLACEHOLDERS, _PROBABILITIES, _LEARNS)


class _Watcher:
    """A controller that passes every call on to another one, and notes what that one does wrong."""

    def __init__(self, subject: Controller, num_slots: int) -> None:
        self._subject = subject
        self._num_slots = num_slots
        self.faults: dict[str, list[str]] = {check: [] for check in _CHECKS}
        self.chosen: list[tuple[int, ...]] = []

    def detail(self, check: str) -> str:
        """The first fault, and how many there were."""
        faults = self.faults[check]
        return f"{faults[0]} ({len(faults)} in all)" if faults else f"{len(self.chosen)} decisions"

    @property
    def name(self) -> str:
        return self._subject.name

    @property
    def learns(self) -> bool:
        return self._subject.learns

    def begin_batch(self, reward_scale: float) -> None:
        self._subject.begin_batch(reward_scale)

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        decided = self._subject.decide(situation, generator)
        if len(decided) != len(situation.envs):
            self.faults[_COUNT].append(f"{len(decided)} decisions for {len(situation.envs)} envs")
        legal = legal_choices(situation.masks, self._num_slots)
        for decision, allowed in zip(decided, legal, strict=False):
            self.chosen.append(decision.actions)
            self._examine(decision, allowed)
        return decided

    def record(self, result: StepResult) -> None:
        self._subject.record(result)

    def bootstrap(self, observation: Observation) -> None:
        self._subject.bootstrap(observation)

    def penalise(self, env: int, reward: float) -> None:
        self._subject.penalise(env, reward)

    def learn(self, generator: torch.Generator) -> PPOMetrics | None:
        metrics = self._subject.learn(generator)
        if (metrics is not None) != self._subject.learns:
            found = "no metrics" if metrics is None else "metrics"
            self.faults[_LEARNS].append(f"learns is {self._subject.learns} and learn() gave {found}")
        return metrics

    def state(self) -> dict[str, Tensor]:
        return self._subject.state()

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        self._subject.load_state(tensors)

    def _examine(self, decision: Decision, legal: LegalChoices) -> None:
        op = decision.op
        for item in decision.heads:
            allowed = legal.slots_by_op[op] if item.head is Head.SLOT else legal.heads[item.head]
            if item.head in RELEVANT_HEADS[op] and item.choice not in allowed:
                self.faults[_LEGAL].append(f"{op.name} with {item.head.name.lower()} {item.choice}")
            unused = item.head not in RELEVANT_HEADS[op] and item.head is not Head.SLOT
            if unused and item.choice != PLACEHOLDERS[item.head]:
                self.faults[_PLACEHOLDERS].append(f"{op.name} with {item.head.name.lower()} {item.choice}")
            possible = 0.0 < item.probability <= 1.0 + 1e-6 and item.entropy >= -1e-6
            if item.head in RELEVANT_HEADS[op] and not possible:
                self.faults[_PROBABILITIES].append(
                    f"{item.head.name.lower()} with probability {item.probability:.4g} and entropy {item.entropy:.4g}"
                )


def _watch(config: TrainingConfig, factory: ControllerFactory) -> _Watcher:
    """Watch two batches. They end early if a rule's own controller catches it at an illegal choice."""
    watcher = _Watcher(factory(config, _CPU), slot_config(config.host).num_slots)
    group = Group(
        group_id="checked",
        config=config,
        controller=watcher,
        reward_normalizer=RewardNormalizer(clip=config.reward.clip),
        env_ids=range(config.fleet.envs),
        rows=range(config.fleet.envs),
    )
    source = _Source(config)
    try:
        for batch in range(1, _BATCHES + 1):
            watcher.begin_batch(group.reward_normalizer.scale)
            Rollout([group], source.world(batch), hub=Hub(), clock=PhaseClock(), control=RunControl()).run()
            watcher.learn(torch.Generator().manual_seed(batch))
    except IllegalChoiceError as error:
        watcher.faults[_LEGAL].append(str(error))
    return watcher


@dataclass(frozen=True, slots=True)
class _Source:
    """Makes the batches: random 4x4 images of three classes, so that hosts have something to learn by heart."""

    config: TrainingConfig

    def world(self, batch: int) -> BatchWorld:
        config, data = self.config, _random_images()
        envs = range(config.fleet.envs)
        fleet = Fleet(
            host=config.host,
            growth=config.growth,
            fleet=config.fleet,
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            devices=(_CPU,),
            generators=[torch.Generator().manual_seed(10 * batch + env) for env in envs],
        )
        return BatchWorld(
            batch=batch,
            fleet=fleet,
            garden=Garden(
                fleet, config.growth, topology_of(config.host), run_seed=1, first_episode=0, group_size=len(envs)
            ),
            source=BatchSource(
                data,
                envs=len(envs),
                batch_size=config.fleet.batch_size,
                evaluation_batch_size=config.fleet.evaluation_batch_size,
                steps=1,
            ),
            random_guess_loss=data.random_guess_loss,
            data_generators=[torch.Generator().manual_seed(batch)],
            policy_seed=batch,
            control_rows=None,
        )


def _random_images() -> TaskData:
    generator = torch.Generator().manual_seed(9)

    def split(samples: int) -> Split:
        images = torch.randint(256, (samples, 1, 4, 4), dtype=torch.uint8, generator=generator)
        return Split(inputs=images, targets=torch.arange(samples) % 3)

    train = split(12)
    mean, deviation = channel_statistics(train.inputs)
    return TaskData(
        name="random images",
        num_classes=3,
        train=train,
        validation=split(12),
        test=split(6),
        mean=mean,
        standard_deviation=deviation,
    )
