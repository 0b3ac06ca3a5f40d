"""The figures at the end of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from esper.telemetry.bounds import Batch, Count, Duration, EnvCount, EnvId, Percent, Rate, Share
from esper.telemetry.events.kinds import EventKind, NamedValue


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStats:
    """The figures of a batch.

    avg_return: the mean over the envs of the raw reward of their episodes.
    avg_test_accuracy: only reported.
    """

    kind: ClassVar[EventKind] = EventKind.BATCH_STATS
    batch: Batch
    episodes_completed: Count
    avg_accuracy: Percent
    rolling_avg_accuracy: Percent
    best_accuracy: Percent
    avg_test_accuracy: Percent | None
    avg_return: float
    return_p10: float
    return_p90: float
    entropy: float | None
    kl_divergence: float | None
    explained_variance: float | None
    seeds_created: Count
    seeds_fossilized: Count
    seeds_pruned: Count
    rollbacks: Count
    skipped_update: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEpochCompleted:
    """The end of a batch: once it has arrived, everything of the batches up to this one has arrived."""

    kind: ClassVar[EventKind] = EventKind.BATCH_EPOCH_COMPLETED
    batch: Batch
    max_batches: Batch
    episodes_completed: Count
    n_envs: EnvCount
    avg_accuracy: Percent
    rolling_avg_accuracy: Percent
    avg_reward: float
    env_accuracies: tuple[Percent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCount:
    """How often an op was chosen, and how often it worked; None if that was not recorded."""

    op: str
    chosen: Count
    succeeded: Count | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDistribution:
    kind: ClassVar[EventKind] = EventKind.ACTION_DISTRIBUTION
    batch: Batch
    ops: tuple[OpCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    phase: str
    milliseconds: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast the batch ran.

    step_time_ms: the duration of one host epoch of the whole fleet.
    dataloader_wait_ms: the time that it took to make minibatches.
    env_epochs_per_second: the number of host epochs finished per second, over all envs.
    """

    kind: ClassVar[EventKind] = EventKind.THROUGHPUT
    batch: Batch
    wall_ms: Duration
    step_time_ms: Duration
    dataloader_wait_ms: Duration
    env_epochs_per_second: Rate
    images_per_second: Rate
    update_ms: Duration
    phases: tuple[PhaseTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvRewardSummary:
    """The sums over one env's episode.

    scaffold_count: the number of the ledger's rows for which hindsight credit was granted.
    scaffold_delay_total: the sum of the epochs that these rows waited.
    """

    env_id: EnvId
    bounded_attribution: float
    compute_rent: float
    alpha_shock: float
    hindsight_credit: float
    total_reward: float
    steps: Count
    scaffold_count: Count
    scaffold_delay_total: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSummary:
    kind: ClassVar[EventKind] = EventKind.REWARD_SUMMARY
    batch: Batch
    envs: tuple[EnvRewardSummary, ...]
    mean_terms: tuple[NamedValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMaskRate:
    """How often, over one batch, the mask left the head fewer than all of its choices.

    masked_decisions: how many of the decisions were such.
    rate: their share, or None if no decision was made.
    """

    head: str
    decisions: Count
    masked_decisions: Count
    rate: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskHitRates:
    kind: ClassVar[EventKind] = EventKind.MASK_HIT_RATES
    batch: Batch
    heads: tuple[HeadMaskRate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsKept:
    """Which grown networks are in the run's folder after a batch; see docs/guides on exporting them.

    batch: the 1-based round.
    names: the folders in hosts/, the best first.
    left_out: why networks that would have been kept were not, one reason each.
    """

    kind: ClassVar[EventKind] = EventKind.HOSTS_KEPT
    batch: Batch
    names: tuple[str, ...]
    left_out: tuple[str, ...]
