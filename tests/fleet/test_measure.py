"""Losses, accuracies and gradient statistics mean what their units say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from esper.contracts.actions import Blueprint
from esper.fleet.fleet import Fleet
from esper.fleet.gradients import seed_statistics
from esper.fleet.optimizer import StackedSGD
from esper.layers.batch import Minibatch
from esper.layers.linear import StackedLinear


def test_losses_are_means_over_samples_of_unequal_batches(
    scenario: Callable[..., Any], plain_scenario: Callable[[int], Any]
) -> None:
    made = scenario([0], "grouped")
    (large,), (small,) = made.batches(0, count=1, size=12), made.batches(1, count=1, size=5)
    (both,) = made.fleet.collect(None, made.fleet.evaluate([large, small], ablation=False))
    twin = plain_scenario(0).plain
    twin.load(made.fleet.snapshot_row(0))
    pairs = [(batch.inputs[0], batch.targets[0]) for batch in (large, small)]
    loss, correct = twin.evaluate(pairs, (False, False))
    assert both.val_loss == pytest.approx(float(loss) / 17, rel=1e-5)
    assert both.val_accuracy == pytest.approx(100.0 * float(correct) / 17)


def test_an_epoch_without_minibatches_is_refused(scenario: Callable[..., Any]) -> None:
    fleet: Fleet = scenario([0], "grouped").fleet
    with pytest.raises(ValueError, match="at least one minibatch"):
        fleet.train_epoch([])
    with pytest.raises(ValueError, match="at least one minibatch"):
        fleet.evaluate([], ablation=True)


def test_gradient_statistics_of_a_seed() -> None:
    generators = [torch.Generator().manual_seed(row) for row in range(2)]
    sgd = StackedSGD(
        StackedLinear(3, 1, generators=generators, algorithm="loop"),
        learning_rate=0.1,
        momentum=0.0,
        weight_decay=0.0,
        max_grad_norm=1.0,
    )
    gradients = torch.tensor([[3.0, 0.0, 0.0, 4.0], [60.0, 0.0, 0.0, 0.0]])
    norms, host_norms = gradients.norm(dim=1), torch.tensor([10.0, 1e-3])
    found = seed_statistics(gradients, norms, host_norms, sgd, host_parameters=16)
    torch.testing.assert_close(found[0], torch.tensor([5.0, 0.0, 0.0, 5.0 / 10.0 * 2.0]))
    torch.testing.assert_close(found[1], torch.tensor([60.0, 0.5, 0.5, 10.0]))


def test_a_gradient_that_is_no_number_counts_as_exploding() -> None:
    generators = [torch.Generator().manual_seed(0)]
    layer = StackedLinear(3, 1, generators=generators, algorithm="loop")
    sgd = StackedSGD(layer, learning_rate=0.1, momentum=0.0, weight_decay=0.0, max_grad_norm=1.0)
    gradients = torch.tensor([[torch.nan, 0.0, 0.0, 1.0]])
    found = seed_statistics(gradients, gradients.norm(dim=1), torch.ones(1), sgd, host_parameters=4)
    assert found[0, 1:3].tolist() == [0.0, 0.5]


def test_gradients_are_read_on_the_first_step_and_before_clipping(
    scenario: Callable[..., Any], controls: dict[str, Any]
) -> None:
    """One step from a snapshot: the twin computes the same norms by hand."""
    made = scenario([0, 1], "loop")
    fleet: Fleet = made.fleet
    fleet.add_seed(1, 0, Blueprint.CONV_LIGHT, torch.Generator().manual_seed(3))
    fleet.set_controls(1, [controls["b"], None])
    (batch,) = made.batches(0, count=1)
    louder = Minibatch(batch.inputs * 5.0, batch.targets)
    start = fleet.snapshot_row(0).host
    first, second = fleet.collect(fleet.train_epoch([louder]), fleet.evaluate([batch], ablation=False))
    assert first.gradients == (None, None)
    assert first.host_grad_norm is not None
    assert first.host_grad_norm == pytest.approx(_host_norm(made, start, louder), rel=1e-4)
    gradient = second.gradients[0]
    assert gradient is not None
    assert gradient.norm > 0
    assert second.host_grad_norm is not None
    expected = gradient.norm / second.host_grad_norm * (fleet.host_parameter_count / 156) ** 0.5
    assert gradient.ratio == pytest.approx(min(expected, 10.0), rel=1e-4)


def _host_norm(made: Any, start: torch.Tensor, batch: Minibatch) -> float:
    from esper.fleet.plain.modules import PlainCNNHost, load_flat
    from esper.growth.hosts.config import HostConfig

    host = PlainCNNHost(HostConfig(base_channels=4, blocks=2), in_channels=1, num_classes=10)
    load_flat(host, start)
    x = batch.inputs[0]
    for block in range(2):
        x = host.run_segment(block, x)
    F.cross_entropy(host.classify(x), batch.targets[0]).backward()
    squares = [parameter.grad.square().sum() for parameter in host.parameters() if parameter.grad is not None]
    return float(torch.stack(squares).sum().sqrt())
