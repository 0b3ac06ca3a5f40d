from __future__ import annotations

import pytest

from esper.contracts.actions import Op
from esper.policy.signals import HISTORY_LENGTH, EnvSignals, after_action, after_epoch


def test_the_first_epoch_has_no_change_to_report() -> None:
    first = after_epoch(EnvSignals.initial(25), val_loss=2.0, val_accuracy=30.0)
    assert first.epoch == 1
    assert first.loss_delta is None
    assert first.accuracy_delta is None


def test_an_improvement_is_positive_in_both_deltas() -> None:
    first = after_epoch(EnvSignals.initial(25), val_loss=2.0, val_accuracy=30.0)
    second = after_epoch(first, val_loss=1.5, val_accuracy=45.0)
    assert second.loss_delta == pytest.approx(0.5)
    assert second.accuracy_delta == pytest.approx(15.0)
    assert first.epoch == 1, "the update makes a new record"


def test_histories_keep_the_latest_epochs_oldest_first() -> None:
    signals = EnvSignals.initial(25)
    for epoch in range(HISTORY_LENGTH + 3):
        signals = after_epoch(signals, val_loss=float(epoch), val_accuracy=10.0 * epoch)
    assert signals.loss_history == (3.0, 4.0, 5.0, 6.0, 7.0)
    assert signals.accuracy_history[-1] == 70.0


def test_an_action_changes_only_what_is_known_of_the_action() -> None:
    before = after_epoch(EnvSignals.initial(25), val_loss=2.0, val_accuracy=30.0)
    after = after_action(before, op=Op.GERMINATE, success=False)
    assert (after.last_op, after.last_action_success) == (Op.GERMINATE, False)
    assert after.val_loss == before.val_loss
    assert after.epoch == before.epoch
