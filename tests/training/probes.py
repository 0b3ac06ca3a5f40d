"""Small environments with known answers, and a learner that drives policy, buffer and update exactly as Agent does.

Legend: E envs, T epochs, D observation features, H action heads, N choices of the largest head, O ops.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS, Head, Op, PerHead, Tempo, head_sizes
from esper.policy.acting import PolicyStep, act, state_values
from esper.policy.config import PolicyConfig
from esper.policy.masks import ActionMasks, max_head_size
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.normalizer import RunningNormalizer
from esper.policy.observations import NO_BLUEPRINT, Observation, observation_size
from esper.policy.recurrent import Hidden
from esper.training.ppo.config import PPOConfig
from esper.training.ppo.rollout_buffer import RolloutBuffer
from esper.training.ppo.update import PPOUpdater

CPU = torch.device("cpu")
ENVS, SLOTS = 16, 2
FEATURES = observation_size(SLOTS)
POLICY = PolicyConfig(
    feature_size=16,
    hidden_size=16,
    head_size=16,
    value_size=16,
    embedding_size=1,
    # Ample exploration: a probe asks whether the update learns what is right, not whether it happens to find it.
    probability_floors=PerHead.same(0.08, op=0.15, slot=0.05, tempo=0.12),
)
LEARNING = PPOConfig(learning_rate=1e-2, epochs=4, target_kl=0.05, entropy_coef=0.0, horizon="terminate")

WAIT_ONLY = (Op.WAIT,)


def masks(ops_of_env: Iterable[Iterable[Op]]) -> ActionMasks:
    """Masks of envs with these legal ops, each possible on every slot; every other head is open."""
    legal = [[op in set(ops) for op in Op] for ops in ops_of_env]
    sizes, width = head_sizes(SLOTS), max_head_size(SLOTS)
    heads_ehn = torch.zeros(len(legal), NUM_HEADS, width, dtype=torch.bool)
    for head, size in zip(Head, sizes, strict=True):
        heads_ehn[:, head, :size] = True
    heads_ehn[:, Head.OP, : len(Op)] = torch.tensor(legal)
    slot_by_op_eon = torch.zeros(len(legal), len(Op), width, dtype=torch.bool)
    slot_by_op_eon[..., :SLOTS] = True
    return ActionMasks(heads_ehn=heads_ehn, slot_by_op_eon=slot_by_op_eon)


def features(first: Tensor | float, time: float = 0.0) -> Tensor:
    """Raw features [E, D], zero but for the first two."""
    raw_ed = torch.zeros(ENVS, FEATURES)
    raw_ed[:, 0] = first
    raw_ed[:, 1] = time
    return raw_ed


def signs(random: torch.Generator) -> Tensor:
    """+1 for one half of the envs and -1 for the other [E], in random order."""
    return 2.0 * (torch.randperm(ENVS, generator=random) % 2) - 1.0


@dataclass(frozen=True, slots=True)
class Played:
    """One batch: what the policy thought at each step, and its values in reward units [E, T]."""

    steps: list[PolicyStep]
    values_et: Tensor

    def probability(self, t: int, head: Head, choices_e: Tensor) -> Tensor:
        """Probability [E] of these choices of a head at epoch t."""
        return self.steps[t].probabilities_ehn[:, head].gather(-1, choices_e.unsqueeze(-1)).squeeze(-1)


class Probe:
    """A world of ENVS episodes. Subclasses say what is seen, allowed and paid, and how the answer is graded.

    batches: how long it is trained. passing: the score of a learner that has solved it. broken: what a learner with the
    fault that the probe guards against stays below. Between the two lies the margin.
    """

    epochs = 1
    batches = 25
    passing = 0.85
    broken = 0.6
    config = LEARNING

    def begin(self, random: torch.Generator) -> None:
        """Draw what is random about the next batch of episodes."""

    def observe(self, t: int) -> Tensor:
        """Raw features [E, D] of epoch t; t = epochs is what follows the last action."""
        return features(0.0)

    def masks(self) -> ActionMasks:
        return masks([WAIT_ONLY] * ENVS)

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        """Rewards [E] of the actions of epoch t."""
        raise NotImplementedError

    def score(self, played: Played) -> float:
        """How well a fresh batch went; 1 is perfect, and out of reach where probability floors hold."""
        raise NotImplementedError


class ConstantReward(Probe):
    """One step, one action, reward 1: is the value learned? Also that a step after which nothing comes ends there."""

    passing = 0.9

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return torch.ones(ENVS)

    def value(self, t: int) -> Tensor | float:
        """The right answer for epoch t."""
        return 1.0

    def score(self, played: Played) -> float:
        """1 minus the largest error of a value, as a share of the largest right value."""
        right = [self.value(t) * torch.ones(ENVS) for t in range(self.epochs)]
        right_et = torch.stack(right, 1)
        return 1.0 - float((played.values_et - right_et).abs().max() / right_et.abs().max())


class ForeverRewarded(ConstantReward):
    """Reward 1 in every step of episodes that time cuts off: worth 1 / (1 - gamma) only if the cut is bootstrapped."""

    epochs = 4
    batches = 30
    config = replace(LEARNING, horizon="truncate", gamma=0.8)

    def value(self, t: int) -> float:
        return 5.0


class ObservedReward(ConstantReward):
    """The reward is what was observed, +1 or -1, so the value is right only if the observation reaches it."""

    def begin(self, random: torch.Generator) -> None:
        self._signs = signs(random)

    def observe(self, t: int) -> Tensor:
        return features(self._signs)

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return self._signs

    def value(self, t: int) -> Tensor:
        return self._signs


class DelayedReward(ConstantReward):
    """Reward 1 in the third step: worth 0.25, 0.5 and 1 with gamma 0.5."""

    epochs = 3
    config = replace(LEARNING, gamma=0.5, gae_lambda=0.5)

    def observe(self, t: int) -> Tensor:
        return features(t - 1.0)

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return torch.full((ENVS,), float(t == 2))

    def value(self, t: int) -> float:
        return 0.5 ** (2 - t)


class PaidAction(Probe):
    """WAIT or GERMINATE; GERMINATE pays. The floor of 0.15 leaves 0.925 as the best probability."""

    def masks(self) -> ActionMasks:
        return masks([(Op.WAIT, Op.GERMINATE)] * ENVS)

    def right(self, t: int) -> Tensor:
        """The op [E] that is right at epoch t."""
        return torch.full((ENVS,), int(Op.GERMINATE))

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return (actions_eh[:, Head.OP] == self.right(t)).float()

    def score(self, played: Played) -> float:
        """Mean probability of the right op, in the epoch where it is lowest."""
        return min(float(played.probability(t, Head.OP, self.right(t)).mean()) for t in range(self.epochs))


class ObservedAction(PaidAction):
    """GERMINATE pays after an observation of +1, WAIT after -1."""

    def begin(self, random: torch.Generator) -> None:
        self._signs = signs(random)

    def observe(self, t: int) -> Tensor:
        return features(self._signs)

    def right(self, t: int) -> Tensor:
        return (self._signs > 0).long()


class RememberedCue(ObservedAction):
    """The cue is seen in the first epoch, the action counts in the third. Without memory: one half."""

    epochs = 3
    batches = 80
    config = replace(LEARNING, gae_lambda=0.5)

    def observe(self, t: int) -> Tensor:
        return features(self._signs if t == 0 else 0.0, time=t - 1.0)

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return super().reward(t, actions_eh) * (t == 2)

    def score(self, played: Played) -> float:
        return float(played.probability(2, Head.OP, self.right(2)).mean())


class FirstStep(PaidAction):
    """Nothing is ever observed; GERMINATE pays in the first epoch and WAIT later.

    Only a hidden state that starts from zero tells where an episode begins.
    """

    epochs = 3
    batches = 55
    config = replace(LEARNING, gae_lambda=0.5)

    def right(self, t: int) -> Tensor:
        return torch.full((ENVS,), int(Op.GERMINATE if t == 0 else Op.WAIT))


class MaskedAction(PaidAction):
    """GERMINATE pays 1, but is masked in every second env, where everything pays 3. Nothing shows which env it is.

    Where GERMINATE is masked the advantage is always high. An update that forgets the mask makes the ops that were
    legal there likelier at the cost of GERMINATE. Best probability 0.9.
    """

    batches = 40
    config = replace(LEARNING, epochs=2)
    rich = torch.arange(ENVS) % 2 == 1

    def masks(self) -> ActionMasks:
        poor, rich = (Op.WAIT, Op.FOSSILIZE, Op.GERMINATE), (Op.WAIT, Op.FOSSILIZE)
        return masks([rich if is_rich else poor for is_rich in self.rich])

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        return super().reward(t, actions_eh).where(~self.rich, 3.0)

    def score(self, played: Played) -> float:
        return float(played.probability(0, Head.OP, self.right(0))[~self.rich].mean())


class ConditionalHead(MaskedAction):
    """What is right for a head depends on the op: GERMINATE is paid by slot 1 and a SLOW tempo, FOSSILIZE and ADVANCE
    are possible on slot 0 only and have no tempo, and to WAIT neither matters.

    Every second env can only FOSSILIZE or ADVANCE and is always paid: if its placeholders counted, tempo would become
    STANDARD; if its slot were judged among all slots, slot 0. Best probabilities: tempo 0.92, slot 0.975.
    """

    batches = 50

    def masks(self) -> ActionMasks:
        poor, rich = (Op.WAIT, Op.GERMINATE), (Op.FOSSILIZE, Op.ADVANCE)
        allowed = masks([rich if is_rich else poor for is_rich in self.rich])
        allowed.slot_by_op_eon[:, rich, 1] = False
        return allowed

    def reward(self, t: int, actions_eh: Tensor) -> Tensor:
        germinated = actions_eh[:, Head.OP] == Op.GERMINATE
        share = 0.5 * (actions_eh[:, Head.SLOT] == 1) + 0.5 * (actions_eh[:, Head.TEMPO] == Tempo.SLOW)
        return (germinated * share).where(~self.rich, 2.0)

    def score(self, played: Played) -> float:
        """The lower of the mean probabilities of the right tempo and, where it was free, of the right slot."""
        germinated = played.steps[0].actions_eh[:, Head.OP] == Op.GERMINATE
        tempo = played.probability(0, Head.TEMPO, torch.full((ENVS,), int(Tempo.SLOW)))
        slot = played.probability(0, Head.SLOT, torch.ones(ENVS, dtype=torch.long))
        return float(torch.minimum(tempo.mean(), slot[germinated].mean()))


class Learner:
    """Policy, normaliser, buffer and update, wired as in Agent and Rollout. Tests of faults override the wiring."""

    policy_config = POLICY

    def __init__(self, probe: Probe, seed: int) -> None:
        self._probe = probe
        self._random = torch.Generator().manual_seed(seed)
        self.policy = FactoredRecurrentPolicy(SLOTS, self.policy_config, torch.Generator().manual_seed(1000 + seed))
        self.normalizer = RunningNormalizer(FEATURES, momentum=0.99, clip=10.0, device=CPU)
        self.updater = PPOUpdater(self.policy, probe.config)
        self.buffer = RolloutBuffer(envs=ENVS, epochs=probe.epochs, num_slots=SLOTS, device=CPU)

    def train(self) -> None:
        for _ in range(self._probe.batches):
            self.play()
            rollout = self.buffer.tensors()
            self.normalizer.update(rollout.raw_features_etd, rollout.valid_et)
            self.updater.update(self.buffer, self._random)

    def score(self) -> float:
        """Of a fresh batch that nothing is learned from."""
        return self._probe.score(self.play())

    def play(self) -> Played:
        """One batch into the buffer."""
        probe, epochs = self._probe, self._probe.epochs
        self.buffer.clear()
        probe.begin(self._random)
        hidden, steps = self.initial_state(), list[PolicyStep]()
        for t in range(epochs):
            raw = probe.observe(t)
            observation = self._observation(raw)
            step = act(self.policy, observation, probe.masks(), hidden, self._random)
            hidden = step.hidden
            steps.append(step)
            last = t == epochs - 1
            self.buffer.add(
                t,
                raw_features_ed=raw,
                observation=observation,
                step=step,
                rewards=probe.reward(t, step.actions_eh).tolist(),
                contributions=self.contributions(),
                done=[last] * ENVS,
                truncated=[last and probe.config.horizon == "truncate"] * ENVS,
                active=[True] * ENVS,
                overridden=[False] * ENVS,
            )
        if probe.config.horizon == "truncate":
            self.bootstrap(hidden)
        return Played(steps, self._rewards_of(steps))

    def _rewards_of(self, steps: list[PolicyStep]) -> Tensor:
        return self.updater.value_normalizer.to_rewards(torch.stack([step.values_e for step in steps], 1))

    def contributions(self) -> list[list[float | None]]:
        """What was measured of each slot's seed before the decision: in most probes nothing."""
        return [[None] * SLOTS] * ENVS

    def initial_state(self) -> Hidden:
        return self.policy.initial_state(ENVS)

    def bootstrap(self, hidden: Hidden) -> None:
        after = self._observation(self._probe.observe(self._probe.epochs))
        self.buffer.set_bootstrap(self._probe.epochs - 1, state_values(self.policy, after, hidden))

    def _observation(self, raw: Tensor) -> Observation:
        return Observation(
            features_ed=self.normalizer.normalize(raw),
            blueprints_es=torch.full((ENVS, SLOTS), NO_BLUEPRINT),
        )
