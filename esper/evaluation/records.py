"""What an evaluation finds: typed records, from one episode up to one controller.

Units: accuracies percent, differences points, rewards raw, FLOPs per sample. None: not measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.actions import AlphaAlgorithm, Blueprint


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownSeed:
    """A seed in the forward path of a finished network (BLENDING, HOLDING or FOSSILIZED)."""

    slot_id: str
    blueprint: Blueprint
    algorithm: AlphaAlgorithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One host from initialisation to test.

    seed: of the run. wasted: seeds that were pruned or never finished.

    accuracy: validation, of the last epoch.
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
    """Mean and sample standard deviation over episodes; the latter is None with fewer than two."""

    mean: float
    std: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measure over several seeds of several episodes each.

    mean: over all episodes.
    std: sample standard deviation over episodes; None for a single one.
    low: lower end of the 95 % interval of the mean, with the seed as the unit; None for a single seed.
    high: its upper end.
    iqm: the interquartile mean over episodes.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None
    iqm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Test accuracy against a reference, over paired episodes: this controller's minus the reference's.

    mean: over all pairs, in points.
    low: lower end of the 95 % interval of the mean, with the seed as the unit; None for a single seed.
    high: its upper end.
    pairs: how many episodes were paired.
    seeds: in how many runs.
    """

    mean: float
    low: float | None
    high: float | None
    pairs: int
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A difference, and the controller that it was taken against."""

    controller: str
    difference: Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedHost:
    """The static host whose parameter count is nearest to a controller's mean final count, trained for the same steps.

    setting, value: the key of the configuration that sets its size, for example host.base_channels.
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

    episodes: seeds times envs.
    parameters, flops: of the tested networks; host_*: of the host alone. fossilized.
    wasted: seeds per episode.
    rollbacks: episodes that the governor ended.
    against_static: against the host that never grows.
    against: against every other controller of the evaluation, in its order.
    matched, against_matched: None where hosts of this kind have no size to choose.
    runs: one directory per seed.
    """

    controller: str
    preset: str
    seeds: tuple[int, ...]
    episodes: int
    epochs: int
    test_accuracy: Estimate
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
