from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from esper.training.ppo.adam import Adam

RATE, EPSILON = 0.003, 1e-5


def network() -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3), nn.Linear(3, 2))


def give_gradients(module: nn.Module, seed: int, *, spared: str = "") -> None:
    """Gradients drawn at random for all parameters but those whose names begin so."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        gradient = torch.randn(parameter.shape, generator=generator)
        parameter.grad = None if spared and name.startswith(spared) else gradient


def weights_after(module: nn.Module, step: Callable[[], object]) -> list[Tensor]:
    for seed in range(20):
        give_gradients(module, seed, spared="2" if seed % 3 == 0 else "")
        step()
    return [parameter.detach().clone() for parameter in module.parameters()]


def test_the_steps_are_those_of_pytorch_bit_for_bit() -> None:
    ours, theirs = network(), network()
    own = weights_after(ours, Adam(ours, learning_rate=RATE, epsilon=EPSILON).step)
    other = weights_after(theirs, torch.optim.Adam(theirs.parameters(), lr=RATE, eps=EPSILON).step)
    assert all(torch.equal(first, second) for first, second in zip(own, other, strict=True))


def test_a_state_goes_on_where_it_was_taken() -> None:
    first, second = network(), network()
    optimizer, continued = (Adam(module, learning_rate=RATE, epsilon=EPSILON) for module in (first, second))
    weights_after(first, optimizer.step)
    second.load_state_dict(first.state_dict())
    continued.load_tensors(optimizer.tensors())
    own, other = weights_after(first, optimizer.step), weights_after(second, continued.step)
    assert all(torch.equal(left, right) for left, right in zip(own, other, strict=True))


def test_what_was_never_stepped_has_zeros_and_a_copy_stays_as_it_was() -> None:
    module = network()
    optimizer = Adam(module, learning_rate=RATE, epsilon=EPSILON)
    before = optimizer.tensors()
    give_gradients(module, 0, spared="3")
    optimizer.step()
    after = optimizer.tensors()
    assert not any(tensor.any() for tensor in before.values())
    assert {name for name, tensor in after.items() if tensor.any()} == {
        name for name in before if not name.startswith("3")
    }


def test_gradients_are_forgotten() -> None:
    module = network()
    give_gradients(module, 0)
    Adam(module, learning_rate=RATE, epsilon=EPSILON).zero_grad()
    assert all(parameter.grad is None for parameter in module.parameters())
