"""A fleet whose decisions come from outside: the trainer's own steps, one epoch at a time.

Legend: E envs, T epochs of an episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from esper.contracts.actions import Op
from esper.policy.acting import Decision
from esper.policy.baselines.deciding import IllegalChoiceError, to_decision
from esper.policy.baselines.rule import WAIT, Choice
from esper.policy.baselines.static import StaticRule
from esper.policy.legal import LegalChoices, legal_choices
from esper.policy.observations import Observation
from esper.rewards.normalizer import RewardNormalizer
from esper.telemetry.events import DEFAULT_GROUP
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.rule_controller import RuleController
from esper.training.episode.env_episode import EnvEpisode
from esper.training.episode.rollout import Rollout
from esper.training.episode.world_maker import WorldMaker
from esper.training.group import Group
from esper.training.phase_clock import PhaseClock
from esper.training.run_control import RunControl


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What became of one env's action.

    reward: raw, as the trainer pays it before it divides by the rewards' deviation; 0 for an env that was lost earlier.
    illegal: the masks forbade the action, so the env waited instead.
    lost: the governor has ended the env's episode, now or earlier.
    val_loss, val_accuracy, total_params: the host before the action.
    """

    reward: float
    illegal: bool
    action_success: bool
    lost: bool
    val_loss: float
    val_accuracy: float
    total_params: int


class FleetEpisodes:
    """Plays round after round: E episodes in lockstep, as long as the config says."""

    def __init__(self, config: TrainingConfig) -> None:
        """config: its controller, policy and ppo tables do not matter, except for ppo.horizon.

        Raises:
            ConfigError: the task, the device or the host is not available.
        """
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        self.config = config
        self._worlds = WorldMaker(config, groups=1)
        self._round = 0

    @property
    def observation(self) -> Observation:
        """What the envs look like now; at the end of a round, after the last actions."""
        return self._observation

    @property
    def legal(self) -> tuple[LegalChoices, ...]:
        """What each env may do now. An env whose episode is over may only wait."""
        return self._legal

    @property
    def over(self) -> bool:
        """Whether the round is over: its time has run out, or no env is left."""
        return self._over

    @property
    def lost(self) -> tuple[bool, ...]:
        """Which envs the governor has taken out of this round."""
        return tuple(not episode.running for episode in self._group.episodes)

    @property
    def test_accuracies(self) -> tuple[float, ...]:
        """The hosts' accuracies on the test split in percent, once the round is over."""
        return self._group.test_accuracies

    def reset(self, seed: int | None = None) -> None:
        """Begin the next round; with a seed, the first round of `esper train --seed SEED`."""
        if seed is not None:
            self._reseed(seed)
        self._round += 1
        group = Group(
            group_id=DEFAULT_GROUP,
            config=self.config,
            controller=RuleController("external", StaticRule),  # It is never asked: the decisions come from outside.
            reward_normalizer=RewardNormalizer(clip=self.config.reward.clip),
            env_ids=range(self.config.fleet.envs),
            rows=range(self.config.fleet.envs),
        )
        world = self._worlds.make(self._round)
        self._rollout = Rollout((group,), world, hub=Hub(), clock=PhaseClock(), control=RunControl())
        (self._group,) = self._rollout.groups
        self._over = False
        self._look(1)

    def step(self, choices: Sequence[Choice]) -> tuple[StepReport, ...]:
        """Carry out one choice per env, and train the hosts for the next epoch if there is one."""
        assert not self._over, "a round that is over must be followed by reset"
        decisions = [_decide(choice, legal) for choice, legal in zip(choices, self._legal, strict=True)]
        episodes = self._group.episodes
        acting = [episode.running for episode in episodes]
        before = [(episode.measured, self._params(episode)) for episode in episodes]
        self._group.act(self._situation, [decision for decision, _ in decisions])
        self._go_on()
        return tuple(
            StepReport(
                reward=episode.rewards[-1] if acted else 0.0,
                illegal=illegal and acted,
                action_success=acted and episode.outcome.action_success,
                lost=not episode.running,
                val_loss=measured.val_loss,
                val_accuracy=measured.val_accuracy,
                total_params=params,
            )
            for episode, acted, (_, illegal), (measured, params) in zip(
                episodes, acting, decisions, before, strict=True
            )
        )

    def _reseed(self, seed: int) -> None:
        if seed != self.config.run.seed:
            self.config = replace(self.config, run=replace(self.config.run, seed=seed))
            self._worlds = WorldMaker(self.config, groups=1)  # The seed also decides how the task is split.
        self._round = 0

    def _go_on(self) -> None:
        """Live through the next epoch, or end the round."""
        epoch = self._situation.epoch
        if epoch < self.config.fleet.episode_length and not all(self.lost):
            self._look(epoch + 1)
        if epoch == self.config.fleet.episode_length or all(self.lost):
            self._over = True
            self._observation = self._group.observe()
            self._legal = tuple(_only_wait(legal) for legal in self._legal)
            self._rollout.measure_test()

    def _look(self, epoch: int) -> None:
        """Train and measure the hosts, and see what they have become."""
        self._rollout.train_and_measure()
        self._situation = self._group.see(epoch)
        self._observation = self._situation.observation
        every = legal_choices(self._situation.masks, len(self._situation.envs[0].view.slots))
        self._legal = tuple(_only_wait(legal) if lost else legal for legal, lost in zip(every, self.lost, strict=True))

    def _params(self, episode: EnvEpisode) -> int:
        return self._rollout.world.garden.total_params(episode.env_id)


def _decide(choice: Choice, legal: LegalChoices) -> tuple[Decision, bool]:
    """The decision, and whether the choice was illegal, so that the decision is to wait."""
    try:
        return to_decision(choice, legal), False
    except IllegalChoiceError:
        return to_decision(WAIT, legal), True


def _only_wait(legal: LegalChoices) -> LegalChoices:
    return replace(
        legal,
        ops=(Op.WAIT,),
        slots_by_op=tuple(slots if op is Op.WAIT else () for op, slots in zip(Op, legal.slots_by_op, strict=True)),
    )
