"""What an agent must know and learn, written anew: units of rewards and values, values, bootstraps, targets.

Networks run in double precision on the whole episode at once, from the zero state.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, pstdev, stdev

import torch
from anew_observations import features
from spied import Lesson
from spied_runs import Episode, Lived
from torch import Tensor

from esper.contracts.actions import Op
from esper.policy.features import feature_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the critic thinks along one episode, in its own units.

    values: one per step.
    op_values: one row per step.
    after: of the state that follows the last step.
    """

    values: Tensor
    op_values: Tensor
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The units of values: those of rewards are centre + scale * the critic's."""

    mean: float
    variance: float
    count: int

    @property
    def scale(self) -> float:
        return max(self.variance**0.5, 0.1) if self.count >= 32 else 1.0

    @property
    def centre(self) -> float:
        return self.mean if self.count >= 32 else 0.0

    def after(self, returns: list[float]) -> Units:
        """With the returns of one more batch: in full at first, later one part in twenty or more."""
        take = max(len(returns) / (self.count + len(returns)), 0.05)
        mean, spread = fmean(returns), pstdev(returns) ** 2
        variance = (1 - take) * self.variance + take * spread + take * (1 - take) * (mean - self.mean) ** 2
        return Units(mean=(1 - take) * self.mean + take * mean, variance=variance, count=self.count + len(returns))

    def in_units_of(self, old_scale: float, new_scale: float) -> Units:
        """The same returns once rewards are divided by another number."""
        factor = old_scale / new_scale
        return Units(mean=self.mean * factor, variance=self.variance * factor**2, count=self.count)


def reward_scale(earlier: list[float]) -> float:
    """What the rewards of a batch are divided by, from all raw rewards of the batches before."""
    return stdev(earlier) if len(earlier) > 1 and stdev(earlier) > 1e-8 else 1.0


def paid(raw: float, scale: float, clip: float, *, first: bool) -> float:
    """The normalised reward. In the first batch no scale is known, and nothing is clipped."""
    return raw if first else max(-clip, min(clip, raw / scale))


def seen(steps: tuple[Lived, ...], upto: int) -> list[float]:
    """The raw observation after epoch upto + 1, or after the last step if upto is the number of steps."""
    after_all = upto == len(steps)
    now = steps[upto - 1] if after_all else steps[upto]
    before = steps[upto - 1] if upto > 0 else None
    row = features(
        now.act.after if after_all else now.act.before,
        now.slot_ids,
        now.measured,
        now.control,
        length=now.config.fleet.episode_length,
        last_op=Op.WAIT if before is None else before.op,
        last_success=True if before is None else before.success,
    )
    return [row.pop(item.name, 0.0) for item in feature_table(now.slot_ids)]


def normalised(raw_td: Tensor, lesson: Lesson, clip: float) -> Tensor:
    mean_d, variance_d = (lesson.known[f"observations/{name}"].double() for name in ("mean", "variance"))
    return ((raw_td - mean_d) / (variance_d + 1e-4).sqrt()).clamp(-clip, clip)


@torch.no_grad()
def values(episode: Episode, lesson: Lesson) -> Values:
    """What the critic of this batch thinks of every state of the episode, the last one included."""
    steps = episode.steps
    raw_td = torch.tensor([seen(steps, upto) for upto in range(len(steps) + 1)], dtype=torch.float64)
    slots = [one.act.before for one in steps] + [steps[-1].act.after]
    blueprints_ts = torch.tensor([[-1 if seed is None else int(seed.blueprint) for seed in row] for row in slots])
    features_td = normalised(raw_td, lesson, steps[0].config.policy.observation_clip)
    output = lesson.policy(features_td[None], blueprints_ts[None], lesson.policy.initial_state(1))
    values_t = output.values_et[0]
    op_values_to = lesson.policy.op_values(output.states_etr)[0]
    return Values(values=values_t[:-1], op_values=op_values_to[:-1], after=float(values_t[-1]))


def advantages(rewards: list[float], values: list[float], after: float, gamma: float, decay: float) -> list[float]:
    """Generalised advantages by their definition: a discounted sum of one-step errors."""
    following = [*values[1:], after]
    errors = [r + gamma * n - v for r, v, n in zip(rewards, values, following, strict=True)]
    return [
        sum((gamma * decay) ** ahead * error for ahead, error in enumerate(errors[step:]))
        for step in range(len(errors))
    ]
