"""What the controller knows about one host: its losses, its accuracies and the last action on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from esper.contracts.actions import Op
from esper.contracts.conditions import Conditions

HISTORY_LENGTH = 5
"""How many past epochs the controller sees directly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSignals:
    """One env after some epoch. None means not measured yet.

    Histories hold the last HISTORY_LENGTH validation losses and accuracies, oldest first, the current one included.
    Accuracies are in percent.

    epoch: the number of finished epochs, 0 at the start.
    loss_delta: previous minus current loss, so an improvement is positive.
    accuracy_delta: current minus previous accuracy.
    conditions: what the episode was drawn to be like; None if all hosts of the run are alike.
    """

    epoch: int
    max_epochs: int
    val_loss: float | None
    val_accuracy: float | None
    loss_history: tuple[float, ...]
    accuracy_history: tuple[float, ...]
    loss_delta: float | None
    accuracy_delta: float | None
    control_accuracy: float | None
    last_op: Op
    last_action_success: bool
    conditions: Conditions | None = None

    @classmethod
    def initial(cls, max_epochs: int, conditions: Conditions | None = None) -> EnvSignals:
        """The signals of an episode that has not begun. The last action counts as a WAIT that succeeded."""
        return cls(
            epoch=0,
            max_epochs=max_epochs,
            val_loss=None,
            val_accuracy=None,
            loss_history=(),
            accuracy_history=(),
            loss_delta=None,
            accuracy_delta=None,
            control_accuracy=None,
            last_op=Op.WAIT,
            last_action_success=True,
            conditions=conditions,
        )


def after_epoch(
    signals: EnvSignals, *, val_loss: float, val_accuracy: float, control_accuracy: float | None = None
) -> EnvSignals:
    """The signals after one more epoch of training and validation."""
    return replace(
        signals,
        epoch=signals.epoch + 1,
        val_loss=val_loss,
        val_accuracy=val_accuracy,
        loss_history=(*signals.loss_history, val_loss)[-HISTORY_LENGTH:],
        accuracy_history=(*signals.accuracy_history, val_accuracy)[-HISTORY_LENGTH:],
        loss_delta=None if signals.val_loss is None else signals.val_loss - val_loss,
        control_accuracy=control_accuracy,
        accuracy_delta=None if signals.val_accuracy is None else val_accuracy - signals.val_accuracy,
    )


def after_action(signals: EnvSignals, *, op: Op, success: bool) -> EnvSignals:
    """The signals after the controller's op was carried out or refused."""
    return replace(signals, last_op=op, last_action_success=success)
