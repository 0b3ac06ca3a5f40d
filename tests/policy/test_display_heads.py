from __future__ import annotations

from dataclasses import replace

import torch

from esper.policy.config import PolicyConfig
from esper.policy.display_heads import DisplayHead
from esper.policy.network import FactoredRecurrentPolicy

SMALL = PolicyConfig(feature_size=16, hidden_size=12, head_size=8, value_size=8)


def policy(config: PolicyConfig = SMALL) -> FactoredRecurrentPolicy:
    return FactoredRecurrentPolicy(3, config, torch.Generator().manual_seed(4))


def states() -> torch.Tensor:
    return torch.randn(5, 7, 12, generator=torch.Generator().manual_seed(1), requires_grad=True)


def head() -> DisplayHead:
    made = policy(replace(SMALL, contribution_head=True)).contributions
    assert made is not None
    return made


def test_no_gradient_leaves_a_display_head() -> None:
    network, read = policy(), states()
    network.op_values(read).sum().backward()
    assert read.grad is None
    assert all(weight.grad is not None for weight in network.display_parameters())
    assert all(weight.grad is None for weight in network.acting_parameters())


def test_acting_and_displayed_parameters_are_all_parameters_once() -> None:
    network = policy(replace(SMALL, contribution_head=True))
    split = [*network.acting_parameters(), *network.display_parameters()]
    assert len({id(weight) for weight in split}) == len(split)
    assert {id(weight) for weight in split} == {id(weight) for weight in network.parameters()}


def test_a_display_head_changes_no_other_initial_weight() -> None:
    without, beside = policy().state_dict(), policy(replace(SMALL, contribution_head=True)).state_dict()
    assert all(torch.equal(weight, beside[name]) for name, weight in without.items())
    assert len(beside) > len(without)


def test_every_op_and_every_slot_gets_a_value() -> None:
    assert policy().op_values(states()).shape == (5, 7, 6)
    assert head()(states()).shape == (5, 7, 3)


def test_dropout_drops_one_unit_in_ten_and_keeps_the_mean() -> None:
    keep = head().dropout(200, 50, torch.Generator().manual_seed(0))
    assert abs(float((keep == 0).float().mean()) - 0.1) < 0.005
    assert abs(float(keep.mean()) - 1.0) < 0.006
    made, read = head(), states()
    assert torch.equal(made(read), made(read, torch.ones(5, 7, made.width)))
    assert not made(read, torch.zeros(5, 7, made.width)).any(), "all units dropped leave the output's zero bias"


def test_dropout_is_a_function_of_its_generator() -> None:
    before = torch.get_rng_state()
    first, again = (head().dropout(4, 4, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state()), "the global stream is not touched"
