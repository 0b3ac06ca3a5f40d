"""What happens to one env within its episode, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from esper.telemetry.events.kinds import EventKind, NamedValue
from esper.telemetry.events.seeds import SlotSnapshot


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
    control_accuracy: float | None = None
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

    strategy: full_factorial if every set of active seeds was measured, else what fleet.ablation asks for.
    shapley: per slot, percentage points; None without an active seed, and everywhere unless the factorial is full.
    compute_ms: of the whole fleet's validation pass, plain accuracies included.
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

    probability: of the chosen value.
    entropy: in nats over the legal choices. legal / size: how many of the head's choices the mask allowed.
    relevant: did the head matter for the op (if not, choice is a placeholder).
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

    loss: the validation loss that was judged.
    restored_epoch: the epoch after which the restored state was taken, 0 for the fresh host.
    penalty: raw reward that replaces that of the env's last decision; None if it had taken none.
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
