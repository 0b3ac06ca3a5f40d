"""What happens to one env within its episode, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from esper.contracts.legality import IllegalReason
from esper.telemetry.bounds import Batch, Count, Duration, EnvId, EpisodeLength, Epoch, Percent, Share
from esper.telemetry.events.kinds import EventKind, NamedValue
from esper.telemetry.events.seeds import SlotSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCompleted:
    """One env finished one host epoch: it was trained, validated and ablated.

    The controller has not acted on it yet.
    """

    kind: ClassVar[EventKind] = EventKind.EPOCH_COMPLETED
    env_id: EnvId
    batch: Batch
    epoch: Epoch
    train_loss: float | None
    train_accuracy: Percent | None
    val_loss: float
    val_accuracy: Percent
    host_grad_norm: float | None
    control_accuracy: Percent | None = None
    total_params: Count
    host_params: Count
    slots: tuple[SlotSnapshot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationConfig:
    """One measured configuration: which slots were on, in slot order, and the validation accuracy that resulted."""

    slots_on: tuple[bool, ...]
    accuracy: Percent


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualMatrixComputed:
    """Every ablation of one env in one epoch (docs/internals/ablation.md).

    strategy: full_factorial if every set of active seeds was measured, else the setting fleet.ablation.
    shapley: per slot, in percentage points. None without an active seed, and everywhere unless the factorial is full.
    compute_ms: the duration of the whole fleet's validation pass, including plain accuracies.
    """

    kind: ClassVar[EventKind] = EventKind.COUNTERFACTUAL_MATRIX_COMPUTED
    env_id: EnvId
    batch: Batch
    epoch: Epoch
    slot_ids: tuple[str, ...]
    active: tuple[bool, ...]
    committed: tuple[bool, ...]
    configs: tuple[AblationConfig, ...]
    strategy: str
    shapley: tuple[float | None, ...]
    compute_ms: Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadChoice:
    """One head of one decision.

    probability: the probability of the chosen value.
    entropy: in nats, over the legal choices.
    second: the likeliest legal value that was not chosen. None if the head had no other legal value, did not matter for
        the op or was not drawn from a distribution, or if the file is of a version that did not record it.
    second_probability: None where second is.
    legal: how many of the head's choices the mask allowed.
    size: how many choices the head has.
    relevant: whether the head mattered for the op. If not, choice is a placeholder.
    """

    head: str
    choice: str
    probability: Share
    entropy: float
    second: str | None
    second_probability: Share | None
    legal: Count | None
    size: Count
    masked: bool
    relevant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """An op that the policy could have taken, with its probability."""

    op: str
    probability: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class OpMask:
    """Why the mask of a decision forbade an op, slot by slot.

    slots: in slot order, None where the op was possible.
    gate: what the first closed gate lacked, in plain words; None if no gate was the reason.
    """

    op: str
    slots: tuple[IllegalReason | None, ...]
    gate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAction:
    """What the controller did in one env after one epoch, how sure it was, what was legal, and what it earned.

    op_masks: one per op except WAIT. None in files of a version that did not record the reasons.
    value_estimate: the expected return from here, in units of the normalised reward. None if the controller has no
        critic.
    op_values: the expected return after each op, in the same units. None for an op that is not possible, and empty if
        the controller has no critic.
    """

    kind: ClassVar[EventKind] = EventKind.LAST_ACTION
    env_id: EnvId
    batch: Batch
    epoch: Epoch
    op: str
    effective_op: str
    slot_id: str
    success: bool
    refusal: str | None
    heads: tuple[HeadChoice, ...]
    legal_ops: tuple[str, ...] | None
    op_masks: tuple[OpMask, ...] | None
    alternatives: tuple[Alternative, ...]
    decision_entropy: float | None
    value_estimate: float | None
    op_values: tuple[NamedValue, ...]
    reward: float
    reward_normalized: float | None
    episode_reward: float
    reward_terms: tuple[NamedValue, ...]


class OutcomeType(StrEnum):
    SUCCESS = "success"
    TIMEOUT = "timeout"
    ROLLBACK = "rollback"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOutcome:
    """One env's episode ended. The test accuracy is only reported; nothing reads it back into training."""

    kind: ClassVar[EventKind] = EventKind.EPISODE_OUTCOME
    env_id: EnvId
    batch: Batch
    episode: Count
    episode_length: EpisodeLength
    outcome: OutcomeType
    final_accuracy: Percent
    test_accuracy: Percent | None
    best_accuracy: Percent
    episode_reward: float
    stability: Share
    host_params: Count
    total_params: Count
    param_ratio: float
    num_fossilized: Count
    num_contributing_fossilized: Count
    germinations: Count
    prunes: Count
    reward_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorRollback:
    """A host was lost and restored, and its env's episode is over (docs/internals/governor.md).

    loss: the validation loss that was judged.
    restored_epoch: the epoch after which the restored state was taken, or 0 for the fresh host.
    penalty: the raw reward that replaces that of the env's last decision, or None if there was no decision.
    """

    kind: ClassVar[EventKind] = EventKind.GOVERNOR_ROLLBACK
    env_id: EnvId
    batch: Batch
    epoch: Epoch
    reason: str
    loss: float | None
    threshold: float | None
    consecutive_panics: Count | None
    restored_epoch: Epoch | None
    penalty: float | None
    pruned_slots: tuple[str, ...]
