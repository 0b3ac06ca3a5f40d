"""Typed telemetry: one frozen dataclass per event and per snapshot kind.

Each payload class names its kind; `Event` is the envelope. None means "not measured". Units: accuracies percent,
contributions and improvements percentage points, rewards raw unless the name says normalized, times milliseconds
unless the name says seconds, epochs 1-based host epochs, batches 1-based PPO rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode
from esper.contracts.gates import Gate, GateCheck
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import SeedStage

DEFAULT_GROUP: Final = "default"
"""The policy group of a run that has only one, and of events that concern the whole fleet."""


class EventKind(StrEnum):
    """The tag of an event in files, filters and tables. Lower-case kinds are snapshots."""

    TRAINING_STARTED = "TRAINING_STARTED"
    TRAINING_ENDED = "TRAINING_ENDED"
    ALGORITHM_CHOSEN = "ALGORITHM_CHOSEN"
    SEED_GERMINATED = "SEED_GERMINATED"
    SEED_STAGE_CHANGED = "SEED_STAGE_CHANGED"
    SEED_GATE_EVALUATED = "SEED_GATE_EVALUATED"
    SEED_FOSSILIZED = "SEED_FOSSILIZED"
    SEED_PRUNED = "SEED_PRUNED"
    EPOCH_COMPLETED = "EPOCH_COMPLETED"
    COUNTERFACTUAL_MATRIX_COMPUTED = "COUNTERFACTUAL_MATRIX_COMPUTED"
    EPISODE_OUTCOME = "EPISODE_OUTCOME"
    GOVERNOR_ROLLBACK = "GOVERNOR_ROLLBACK"
    PPO_UPDATE_COMPLETED = "PPO_UPDATE_COMPLETED"
    ANOMALY_DETECTED = "ANOMALY_DETECTED"
    TREND_DETECTED = "TREND_DETECTED"
    BATCH_EPOCH_COMPLETED = "BATCH_EPOCH_COMPLETED"
    LAST_ACTION = "last_action"
    BATCH_STATS = "batch_stats"
    ACTION_DISTRIBUTION = "action_distribution"
    THROUGHPUT = "throughput"
    REWARD_SUMMARY = "reward_summary"
    MASK_HIT_RATES = "mask_hit_rates"


class Severity(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStarted:
    """A policy group of a run: the envs that one controller decides for. learns: does it make PPO updates."""

    group_id: str
    controller: str
    learns: bool
    reward_mode: str
    reward_family: str
    env_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """First event of a run.

    n_envs: of all groups together. Rewards and learning rates are those of the first group. groups: empty in files that
    were written before there were groups.
    """

    kind: ClassVar[EventKind] = EventKind.TRAINING_STARTED
    run_id: str
    package_version: str
    preset: str
    task: str
    host_params: int
    slot_ids: tuple[str, ...]
    n_envs: int
    max_epochs: int
    max_batches: int
    start_batch: int
    steps_per_epoch: int
    num_classes: int
    seed: int
    device: str
    threads: int
    reward_mode: str
    reward_family: str
    learning_rate: float
    clip_ratio: float
    entropy_coef: float
    conv_algorithm: str
    groups: tuple[GroupStarted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmTime:
    """One way of computing stacked layers. milliseconds: of a training step; None: it does not work on this device."""

    algorithm: str
    milliseconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmChosen:
    """How the fleet's layers compute, once per run after TRAINING_STARTED (docs/performance.md).

    shape: what was measured, in words. source: configured, measured, or remembered from an earlier run on this machine.
    candidates: empty if the config decides.
    """

    kind: ClassVar[EventKind] = EventKind.ALGORITHM_CHOSEN
    algorithm: str
    source: str
    shape: str
    candidates: tuple[AlgorithmTime, ...]


class RunEnd(StrEnum):
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnded:
    """Last event of a run that ended in an orderly way; a file without it was cut off or is still being written."""

    kind: ClassVar[EventKind] = EventKind.TRAINING_ENDED
    end: RunEnd
    batches_completed: int
    wall_seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGerminated:
    kind: ClassVar[EventKind] = EventKind.SEED_GERMINATED
    env_id: int
    slot_id: str
    seed_id: str
    blueprint: str
    params: int
    tempo_epochs: int
    alpha_target: float
    alpha_algorithm: AlphaAlgorithm
    alpha_curve: AlphaCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedStageChanged:
    """The seed entered to_stage. accuracy_delta: change of validation accuracy over the stage it left."""

    kind: ClassVar[EventKind] = EventKind.SEED_STAGE_CHANGED
    env_id: int
    slot_id: str
    seed_id: str
    blueprint: str
    from_stage: SeedStage
    to_stage: SeedStage
    alpha: float
    accuracy_delta: float
    epochs_in_stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedGateEvaluated:
    kind: ClassVar[EventKind] = EventKind.SEED_GATE_EVALUATED
    env_id: int
    slot_id: str
    seed_id: str
    gate: Gate
    target_stage: SeedStage
    passed: bool
    score: float
    checks: tuple[GateCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedFossilized:
    kind: ClassVar[EventKind] = EventKind.SEED_FOSSILIZED
    env_id: int
    slot_id: str
    seed_id: str
    blueprint: str
    params_added: int
    alpha: float
    epochs_total: int
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPruned:
    kind: ClassVar[EventKind] = EventKind.SEED_PRUNED
    env_id: int
    slot_id: str
    seed_id: str
    blueprint: str
    reason: str
    initiator: PruneInitiator
    epochs_total: int
    improvement: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSnapshot:
    """One slot inside EPOCH_COMPLETED. An empty slot has no snapshot."""

    slot_id: str
    seed_id: str
    stage: SeedStage
    blueprint: str
    params: int
    epochs_in_stage: int
    epochs_total: int
    alpha: float
    alpha_target: float
    alpha_mode: AlphaMode
    improvement: float
    contribution: float | None
    contribution_velocity: float | None
    gradient_norm: float | None
    gradient_health: float | None
    gradient_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCompleted:
    """One env finished one host epoch: trained, validated, ablated; the controller has not acted on it yet."""

    kind: ClassVar[EventKind] = EventKind.EPOCH_COMPLETED
    env_id: int
    batch: int
    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    host_grad_norm: float
    total_params: int
    host_params: int
    slots: tuple[SlotSnapshot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationConfig:
    """One measured configuration: which slots were on (in slot order) and the validation accuracy that gave."""

    slots_on: tuple[bool, ...]
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualMatrixComputed:
    """Every ablation of one env in one epoch (docs/ablation.md).

    strategy: full_factorial if every set of active seeds was measured, else what fleet.ablation asks for. shapley: per
    slot, percentage points; None without an active seed, and everywhere unless the factorial is full. compute_ms: of
    the whole fleet's validation pass, plain accuracies included.
    """

    kind: ClassVar[EventKind] = EventKind.COUNTERFACTUAL_MATRIX_COMPUTED
    env_id: int
    batch: int
    epoch: int
    slot_ids: tuple[str, ...]
    active: tuple[bool, ...]
    committed: tuple[bool, ...]
    configs: tuple[AblationConfig, ...]
    strategy: str
    shapley: tuple[float | None, ...]
    compute_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChoice:
    """One head of one decision.

    probability: of the chosen value. entropy: in nats over the legal choices. legal / size: how many of the head's
    choices the mask allowed. relevant: did the head matter for the op (if not, choice is a placeholder).
    """

    head: str
    choice: str
    probability: float
    entropy: float
    legal: int
    size: int
    masked: bool
    relevant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedValue:
    """A named number, for example one term of a reward. None: the term does not apply here."""

    name: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """An op that the policy could have taken, with its probability."""

    op: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAction:
    """What the controller did in one env after one epoch, how sure it was, what was legal, and what it earned.

    value_estimate, op_values: expected return from here, and after each op (None: not possible), in units of the
    normalised reward; None and empty for controllers that value nothing.
    """

    kind: ClassVar[EventKind] = EventKind.LAST_ACTION
    env_id: int
    batch: int
    epoch: int
    op: str
    effective_op: str
    slot_id: str
    success: bool
    refusal: str | None
    heads: tuple[HeadChoice, ...]
    legal_ops: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    decision_entropy: float
    value_estimate: float | None
    op_values: tuple[NamedValue, ...]
    reward: float
    reward_normalized: float
    episode_reward: float
    reward_terms: tuple[NamedValue, ...]


class OutcomeType(StrEnum):
    SUCCESS = "success"
    TIMEOUT = "timeout"
    ROLLBACK = "rollback"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOutcome:
    """One env's episode ended. test_accuracy is reported only; nothing reads it back into training."""

    kind: ClassVar[EventKind] = EventKind.EPISODE_OUTCOME
    env_id: int
    batch: int
    episode: int
    episode_length: int
    outcome: OutcomeType
    final_accuracy: float
    test_accuracy: float | None
    best_accuracy: float
    episode_reward: float
    stability: float
    host_params: int
    total_params: int
    param_ratio: float
    num_fossilized: int
    num_contributing_fossilized: int
    germinations: int
    prunes: int
    reward_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorRollback:
    """A host was lost and put back; its env's episode is over (docs/governor.md).

    loss: the validation loss that was judged. restored_epoch: the epoch after which the restored state was taken, 0 for
    the fresh host. penalty: raw reward that replaces that of the env's last decision; None if it had taken none.
    """

    kind: ClassVar[EventKind] = EventKind.GOVERNOR_ROLLBACK
    env_id: int
    batch: int
    epoch: int
    reason: str
    loss: float
    threshold: float | None
    consecutive_panics: int
    restored_epoch: int
    penalty: float | None
    pruned_slots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadUpdate:
    """One head over one PPO update. None where the head never mattered in the rollout."""

    head: str
    entropy: float | None
    gradient_norm: float | None
    ratio_max: float | None
    clip_fraction: float | None
    relevant_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationStats:
    """The normalised observations of a batch (docs/observations.md). None: no step was taken.

    host_*, slot_*: over all features of that kind. Shares are of all numbers: outliers lie beyond 3 deviations,
    near_clip from nine tenths of the clip on, clipped at it. drift: mean over features of |mean over steps|, in
    deviations of the statistics that normalised them.
    """

    host_mean: float | None
    host_std: float | None
    slot_mean: float | None
    slot_std: float | None
    outlier_share: float | None
    near_clip_share: float | None
    clipped_share: float | None
    non_finite_share: float | None
    drift: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOUpdateCompleted:
    """One PPO update. skipped: something that is not finite left the weights untouched, skip_cause says what, and the
    loss fields are None. op_values: mean value of each op where it was possible, units of the normalised reward."""

    kind: ClassVar[EventKind] = EventKind.PPO_UPDATE_COMPLETED
    batch: int
    skipped: bool
    skip_cause: str | None
    policy_loss: float | None
    value_loss: float | None
    entropy_loss: float | None
    total_loss: float | None
    entropy: float | None
    kl_divergence: float | None
    clip_fraction: float | None
    explained_variance: float | None
    ratio_max: float | None
    ratio_min: float | None
    gradient_norm: float | None
    learning_rate: float
    entropy_coef: float
    value_coef: float
    entropy_floor_penalty: float | None
    op_value_loss: float | None
    op_values: tuple[NamedValue, ...]
    contribution_error: float | None
    advantage_mean: float | None
    advantage_std: float | None
    return_mean: float | None
    return_std: float | None
    value_mean: float | None
    value_std: float | None
    epochs_run: int
    early_stopped: bool
    update_time_ms: float
    heads: tuple[HeadUpdate, ...]
    observations: ObservationStats


class AnomalyType(StrEnum):
    """What may be wrong. docs/anomalies.md lists the rules of each."""

    RATIO_EXPLOSION = "ratio_explosion"
    RATIO_COLLAPSE = "ratio_collapse"
    VALUE_COLLAPSE = "value_collapse"
    ENTROPY_COLLAPSE = "entropy_collapse"
    KL_SPIKE = "kl_spike"
    NUMERICAL_INSTABILITY = "numerical_instability"
    GRADIENT_PATHOLOGY = "gradient_pathology"
    REWARD_HACKING = "reward_hacking"
    PERFORMANCE_DEGRADATION = "performance_degradation"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyDetected:
    """A rule of docs/anomalies.md fired: value is at its limit or beyond.

    rule: the rule's name. severity: warning or critical, also the envelope's. epoch, env_id, slot_id and head say
    where; each is None where the rule is about something larger.
    """

    kind: ClassVar[EventKind] = EventKind.ANOMALY_DETECTED
    anomaly: AnomalyType
    rule: str
    severity: Severity
    batch: int
    value: float
    limit: float
    detail: str
    epoch: int | None
    env_id: int | None
    slot_id: str | None
    head: str | None


class Trend(StrEnum):
    PLATEAU = "plateau"
    DEGRADATION = "degradation"
    IMPROVEMENT = "improvement"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendDetected:
    """The rolling mean accuracy moved, or stands still (docs/anomalies.md). Accuracies percent, delta points."""

    kind: ClassVar[EventKind] = EventKind.TREND_DETECTED
    trend: Trend
    batch: int
    rolling_delta: float
    rolling_accuracy: float
    previous_rolling_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStats:
    """avg_return: mean raw episode reward over the envs; avg_test_accuracy is reported only."""

    kind: ClassVar[EventKind] = EventKind.BATCH_STATS
    batch: int
    episodes_completed: int
    avg_accuracy: float
    rolling_avg_accuracy: float
    best_accuracy: float
    avg_test_accuracy: float | None
    avg_return: float
    return_p10: float
    return_p90: float
    entropy: float | None
    kl_divergence: float | None
    explained_variance: float | None
    seeds_created: int
    seeds_fossilized: int
    seeds_pruned: int
    rollbacks: int
    skipped_update: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEpochCompleted:
    """The commit barrier of a batch: everything before it belongs to a complete batch."""

    kind: ClassVar[EventKind] = EventKind.BATCH_EPOCH_COMPLETED
    batch: int
    max_batches: int
    episodes_completed: int
    n_envs: int
    avg_accuracy: float
    rolling_avg_accuracy: float
    avg_reward: float
    env_accuracies: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCount:
    op: str
    chosen: int
    succeeded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDistribution:
    kind: ClassVar[EventKind] = EventKind.ACTION_DISTRIBUTION
    batch: int
    ops: tuple[OpCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    phase: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """How fast the batch ran. step_time_ms: one host epoch of the whole fleet. dataloader_wait_ms: time spent
    making minibatches. env_epochs_per_second: host epochs finished per second, all envs together."""

    kind: ClassVar[EventKind] = EventKind.THROUGHPUT
    batch: int
    wall_ms: float
    step_time_ms: float
    dataloader_wait_ms: float
    env_epochs_per_second: float
    images_per_second: float
    update_ms: float
    phases: tuple[PhaseTime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvRewardSummary:
    """Sums over one env's episode. scaffold_count: ledger rows that hindsight credit was granted for, and
    scaffold_delay_total the epochs that they waited.
    """

    env_id: int
    bounded_attribution: float
    compute_rent: float
    alpha_shock: float
    hindsight_credit: float
    total_reward: float
    steps: int
    scaffold_count: int
    scaffold_delay_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSummary:
    kind: ClassVar[EventKind] = EventKind.REWARD_SUMMARY
    batch: int
    envs: tuple[EnvRewardSummary, ...]
    mean_terms: tuple[NamedValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMaskRate:
    """Over one batch: the share of decisions in which the mask left the head less than its full choice.

    rate is None when no decision was made.
    """

    head: str
    decisions: int
    masked: int
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskHitRates:
    kind: ClassVar[EventKind] = EventKind.MASK_HIT_RATES
    batch: int
    heads: tuple[HeadMaskRate, ...]


Payload = (
    TrainingStarted
    | TrainingEnded
    | AlgorithmChosen
    | SeedGerminated
    | SeedStageChanged
    | SeedGateEvaluated
    | SeedFossilized
    | SeedPruned
    | EpochCompleted
    | CounterfactualMatrixComputed
    | LastAction
    | EpisodeOutcome
    | GovernorRollback
    | PPOUpdateCompleted
    | AnomalyDetected
    | TrendDetected
    | BatchStats
    | BatchEpochCompleted
    | ActionDistribution
    | Throughput
    | RewardSummary
    | MaskHitRates
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The envelope of every event.

    seq: monotonic within a run, from 1. time: seconds since the Unix epoch. group_id: the policy group that the
    payload's env or update belongs to; DEFAULT_GROUP for what concerns the whole fleet.
    """

    seq: int
    time: float
    payload: Payload
    group_id: str = DEFAULT_GROUP
    severity: Severity = Severity.INFO

    @property
    def kind(self) -> EventKind:
        return self.payload.kind
