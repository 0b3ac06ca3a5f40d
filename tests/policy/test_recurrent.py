from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from esper.policy.recurrent import RecurrentCore

ENVS, EPOCHS, INPUTS, SIZE = 3, 5, 6, 4


def core(layers: int) -> RecurrentCore:
    made = RecurrentCore(INPUTS, SIZE, layers)
    made.initialize(torch.Generator().manual_seed(3))
    return made


def sequence() -> Tensor:
    return torch.randn(ENVS, EPOCHS, INPUTS, generator=torch.Generator().manual_seed(1))


def lstm_of(made: RecurrentCore, layer: int) -> nn.LSTM:
    lstm = made.lstms[layer]
    assert isinstance(lstm, nn.LSTM)
    return lstm


def test_one_layer_is_an_lstm_and_a_layer_norm_to_the_bit() -> None:
    made = core(1)
    states, (h, c) = made(sequence(), made.initial_state(ENVS))
    plain, (plain_h, plain_c) = lstm_of(made, 0)(sequence())
    assert torch.equal(states, made.norms[0](plain))
    assert torch.equal(h, plain_h)
    assert torch.equal(c, plain_c)


def test_later_layers_add_to_what_the_earlier_ones_found() -> None:
    made = core(3)
    states, (h, _) = made(sequence(), made.initial_state(ENVS))
    expected = made.norms[0](lstm_of(made, 0)(sequence())[0])
    for layer in (1, 2):
        expected = expected + made.norms[layer](lstm_of(made, layer)(expected)[0])
    torch.testing.assert_close(states, expected)
    assert h.shape == (3, ENVS, SIZE)


@pytest.mark.parametrize("layers", [1, 4])
def test_the_state_carries_a_sequence_on_where_it_was_cut(layers: int) -> None:
    made = core(layers)
    whole, (whole_h, whole_c) = made(sequence(), made.initial_state(ENVS))
    first, hidden = made(sequence()[:, :2], made.initial_state(ENVS))
    second, (h, c) = made(sequence()[:, 2:], hidden)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    torch.testing.assert_close(h, whole_h)
    torch.testing.assert_close(c, whole_c)


@pytest.mark.parametrize("layers", [1, 4])
def test_a_deeper_core_forgets_less_at_first(layers: int) -> None:
    for layer in range(layers):
        lstm = lstm_of(core(layers), layer)
        total = lstm.get_parameter("bias_ih_l0") + lstm.get_parameter("bias_hh_l0")
        assert total[SIZE : 2 * SIZE].tolist() == pytest.approx([1.0 + math.log(layers)] * SIZE)
        assert not total[:SIZE].any()
        assert not total[2 * SIZE :].any()


def test_every_layer_learns() -> None:
    made = core(4)
    states, _ = made(sequence(), made.initial_state(ENVS))
    states.square().sum().backward()
    for name, weight in made.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        # The recurrent weights of the last epochs alone could be zero by chance; a dead layer is zero everywhere.
        assert weight.grad.any(), name


def test_the_first_layer_draws_what_a_single_layer_would() -> None:
    single, deep = lstm_of(core(1), 0), lstm_of(core(4), 0)
    assert torch.equal(single.get_parameter("weight_ih_l0"), deep.get_parameter("weight_ih_l0"))
    assert torch.equal(single.get_parameter("weight_hh_l0"), deep.get_parameter("weight_hh_l0"))
