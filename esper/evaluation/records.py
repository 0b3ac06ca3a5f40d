"""What an evaluation finds, as typed records, from one episode up to one controller.

Accuracies are in percent, differences in points, rewards are raw, and FLOPs are per sample. None means not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.policy.config import Decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownSeed:
    """A seed in the forward path of a finished network (BLENDING, HOLDING or FOSSILIZED)."""

    slot_id: str
    blueprint: Blueprint
    algorithm: AlphaAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One host, from its initialisation to its test.

    seed: the seed of the run.
    wasted: the number of seeds that were pruned or never finished.
    accuracy: the validation accuracy of the last epoch.
    network: what grew into the tested network, in slot order.
    """

    seed: int
    env_id: int
    test_accuracy: float
    accuracy: float
    reward: float
    germinated: int
    fossilized: int
    rolled_back: bool
    network: tuple[GrownSeed, ...]

    @property
    def wasted(self) -> int:
        return self.germinated - self.fossilized


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The mean and the sample standard deviation over episodes. The latter is None for fewer than two."""

    mean: float
    std: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measure over several seeds of several episodes each.

    mean: the mean over all episodes.
    std: the sample standard deviation over episodes; None for a single one.
    low: the lower end of the 95 % interval of the mean, with the seed as the unit; None for a single seed.
    high: the upper end of the same interval.
    iqm: the interquartile mean over episodes.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None
    iqm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference in a measure to a reference, over paired episodes: this controller's minus the reference's.

    mean: the mean over all pairs, in points.
    low: the lower end of the 95 % interval of the mean, with the seed as the unit; None for a single seed.
    high: the upper end of the same interval.
    pairs: the number of paired episodes.
    seeds: the number of seeds to which they belong.
    """

    mean: float
    low: float | None
    high: float | None
    pairs: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A difference, and the controller that is its reference.

    worth: the difference in worth; None where size has no price.
    """

    controller: str
    difference: Difference
    worth: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedHost:
    """The static host whose parameter count is nearest to a controller's mean final count, trained for the same steps.

    setting: the key of the configuration that sets its size, for example host.base_channels.
    value: the value of that key.
    runs: its run directories, one per seed.
    """

    setting: str
    value: int
    parameters: int
    flops: int
    test_accuracy: Estimate
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerResult:
    """One controller over all seeds.

    episodes: the number of seeds times the number of envs.
    worth: test accuracy minus the price of what was added; None where size has no price.
    parameters, flops: those of the tested networks.
    host_parameters, host_flops: those of the host alone.
    fossilized, wasted: the number of such seeds per episode.
    decisions: how the policy made its choices; None for a controller that is no policy.
    rollbacks: the number of episodes that the governor ended.
    against_static: the difference to the host that never grows.
    against: the differences to every other controller of the evaluation, in its order.
    matched, against_matched: the static host of equal size; None if hosts of this kind have no size to choose.
    runs: the run directories, one per seed.
    """

    controller: str
    preset: str
    decisions: Decisions | None
    seeds: tuple[int, ...]
    episodes: int
    epochs: int
    test_accuracy: Estimate
    worth: Estimate | None
    accuracy: Spread
    reward: Spread
    host_parameters: int
    parameters: Spread
    parameters_added: Spread
    host_flops: int
    flops: Spread
    germinated: Spread
    fossilized: Spread
    wasted: Spread
    rollbacks: int
    against_static: Difference
    against: tuple[Against, ...]
    matched: MatchedHost | None
    against_matched: Difference | None
    runs: tuple[str, ...]
