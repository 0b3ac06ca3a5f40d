from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from probes import ENVS, POLICY, SLOTS, Learner, PaidAction
from torch import Tensor

from esper.contracts.actions import Head, Op
from esper.training.ppo import update as ppo
from esper.training.ppo.display_losses import contribution_loss, contribution_targets, op_value_loss
from esper.training.ppo.schedule import contribution_coefficient

NAN = float("nan")


def test_only_the_op_that_was_taken_learns() -> None:
    values = torch.zeros(1, 3, len(Op), requires_grad=True)
    ops = torch.tensor([[Op.WAIT, Op.PRUNE, Op.WAIT]])
    loss = op_value_loss(values, ops, torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[1.0, 0.2, 0.0]]))
    assert loss.item() == pytest.approx(0.5 * (1.0 * 1.0 + 0.2 * 4.0) / 1.2)
    loss.backward()
    assert values.grad is not None
    assert values.grad.nonzero().tolist() == [[0, 0, Op.WAIT], [0, 1, Op.PRUNE]]


def test_the_target_is_what_the_next_epoch_measured() -> None:
    measured = torch.tensor([[[1.0, NAN], [NAN, -4.0], [25.0, 3.0]]])
    targets = contribution_targets(measured)
    expected = torch.tensor([[[NAN, -0.4], [1.0, 0.3], [NAN, NAN]]])
    torch.testing.assert_close(targets, expected, equal_nan=True)


def test_what_was_not_measured_teaches_nothing() -> None:
    predicted = torch.tensor([[[0.5, 7.0]]], requires_grad=True)
    loss = contribution_loss(predicted, torch.tensor([[[0.1, NAN]]]))
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * 0.4**2)
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [[[pytest.approx(0.4), 0.0]]]
    assert contribution_loss(predicted, torch.full((1, 1, 2), NAN)).item() == 0.0


def test_the_contribution_head_warms_up_over_a_thousand_decisions() -> None:
    assert [contribution_coefficient(n) for n in (0, 500, 1000, 9000)] == pytest.approx([0.0, 0.025, 0.05, 0.05])


class TwoSteps(PaidAction):
    """A second step, so that there is a next measurement."""

    epochs = 2
    batches = 60


class Measured(Learner):
    """Slot 0 contributes 4 points in every epoch and slot 1 is never measured."""

    policy_config = replace(POLICY, contribution_head=True)

    def contributions(self) -> list[list[float | None]]:
        return [[4.0] + [None] * (SLOTS - 1)] * ENVS


def acting_weights(learner: Learner) -> dict[str, Tensor]:
    shown = ("op_values", "contributions")
    return {name: weight for name, weight in learner.policy.state_dict().items() if not name.startswith(shown)}


def test_op_values_approach_what_each_op_earns() -> None:
    learner = Learner(PaidAction(), 0)
    learner.train()
    played = learner.play()
    values_eo = learner.updater.value_normalizer.to_rewards(played.steps[0].op_values_eo)
    assert values_eo[:, Op.GERMINATE].mean() == pytest.approx(1.0, abs=0.15)
    assert values_eo[:, Op.WAIT].mean() == pytest.approx(0.0, abs=0.15)
    reported = {item.name: item.value for item in learner.updater.update(learner.buffer, torch.Generator()).op_values}
    assert reported["GERMINATE"] == pytest.approx(float(values_eo[:, Op.GERMINATE].mean()), abs=1e-4)
    assert reported["WAIT"] == pytest.approx(float(values_eo[:, Op.WAIT].mean()), abs=1e-4)
    assert {name for name, value in reported.items() if value is None} == {op.name for op in Op if op > Op.GERMINATE}


def test_contributions_approach_what_is_measured() -> None:
    learner = Measured(TwoSteps(), 0)
    learner.train()
    played = learner.play()
    head = learner.policy.contributions
    assert head is not None
    assert len(played.steps) == 2
    metrics = learner.updater.update(learner.buffer, torch.Generator().manual_seed(0))
    assert metrics.contribution_error is not None
    assert metrics.contribution_error < 0.6, "percentage points, of 4"


def test_what_is_only_displayed_does_not_touch_what_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the existence of a display head, nor its weights, nor an absurd size of its loss."""
    results: list[dict[str, Tensor]] = []
    for learner_type, share in ((Learner, 0.5), (Measured, 0.5), (Learner, 1e6)):
        monkeypatch.setattr(ppo, "OP_VALUE_SHARE", share)
        learner = learner_type(TwoSteps(), 0)
        if share > 1.0:
            with torch.no_grad():
                for weight in learner.policy.display_parameters():
                    weight.mul_(3.0)
        learner.play()
        learner.updater.update(learner.buffer, torch.Generator().manual_seed(7))
        results.append(acting_weights(learner))
    first, *others = results
    for other in others:
        assert all(torch.equal(weight, other[name]) for name, weight in first.items())


def test_without_a_contribution_head_there_is_no_error_to_report() -> None:
    learner = Learner(TwoSteps(), 0)
    learner.play()
    metrics = learner.updater.update(learner.buffer, torch.Generator().manual_seed(7))
    assert metrics.contribution_error is None
    assert metrics.op_value_loss is not None
    assert metrics.heads[Head.OP].relevant_fraction == 1.0
