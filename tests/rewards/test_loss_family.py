"""The loss family: a falling validation loss is rewarded."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import LOSS_CONFIG, loss_inputs, seed, slot
from trajectories import grower, play, random_episode, useful

from esper.contracts.stages import SeedStage
from esper.rewards.components import compute_reward
from esper.rewards.loss import loss_progress, loss_rent
from esper.rewards.payment import pay
from esper.rewards.state import RewardState
from esper.rewards.terminal import loss_terminal


def test_a_falling_loss_is_rewarded_and_a_rising_one_punished() -> None:
    assert loss_progress(loss_inputs(slot(None), loss_delta=0.02)) == pytest.approx(5.0 * 0.02 / 0.1)
    assert loss_progress(loss_inputs(slot(None), loss_delta=-0.02)) == pytest.approx(-5.0 * 0.02 / 0.1)


def test_the_first_epoch_has_no_fall_to_pay_for() -> None:
    reward = compute_reward(loss_inputs(slot(None), loss_delta=None, epoch=1))
    assert reward.term("loss_progress") == 0.0
    assert math.isfinite(reward.total)


def paid_along(losses: list[float]) -> tuple[float, float]:
    """Sum of loss_progress over an episode with these losses, and what is left unpaid."""
    state, total, previous = RewardState(), 0.0, None
    for loss in losses:
        delta = None if previous is None else previous - loss
        step = loss_inputs(slot(None), loss_delta=delta, val_loss=loss, loss_unpaid=state.loss_unpaid)
        payment = pay(step, state)
        paid = payment.components.term("loss_progress")
        assert paid is not None
        assert abs(paid) <= 25.0
        total, state, previous = total + paid, payment.state, loss
    return total, state.loss_unpaid


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=30))
def test_swings_of_the_loss_earn_nothing(losses: list[float]) -> None:
    """Whatever path the loss takes, it is paid for the way from its first to its last value, less what is held back."""
    total, unpaid = paid_along(losses)
    assert total == pytest.approx(5.0 * (losses[0] - losses[-1] - unpaid) / 0.1, abs=1e-6)


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_loss_that_is_no_number_costs_the_most_and_its_way_back_earns_nothing(lost: float) -> None:
    total, unpaid = paid_along([1.0, 0.9, lost, lost, 0.9, 0.8])
    assert total == pytest.approx(5.0 * 0.1 / 0.1 - 25.0 - 25.0 + 5.0 * 0.1 / 0.1)
    assert unpaid == 0.0
    assert loss_terminal(loss_inputs(slot(None), val_loss=lost, epoch=75, max_epochs=75)) == 0.0


def test_a_sudden_rise_cannot_be_won_back_at_a_profit() -> None:
    """Up by 20 standard deviations at once, then down by 5 in each of four epochs: as if nothing had happened."""
    total, unpaid = paid_along([1.0, 3.0, 2.5, 2.0, 1.5, 1.0])
    assert total == pytest.approx(0.0, abs=1e-9)
    assert unpaid == pytest.approx(0.0, abs=1e-9)


def test_rent_spares_seeds_younger_than_three_epochs() -> None:
    old, young = slot(seed(epochs_total=3)), slot(seed(epochs_total=2), slot_id="r0c1")
    assert loss_rent(loss_inputs(old, young)) == pytest.approx(-0.05 * math.log1p(0.1))
    assert loss_rent(loss_inputs(young)) == 0.0
    huge = replace(old, previous_params=10**60)
    assert loss_rent(loss_inputs(huge)) == -5.0


@pytest.mark.parametrize(("loss", "expected"), [(2.3, 0.0), (9.0, 0.0), (0.299, 1.0), (0.0, 1.0), (1.2995, 0.5)])
def test_terminal_from_random_guessing_to_the_target(loss: float, expected: float) -> None:
    """Ten classes: baseline 2.3, target 13 % of it, as in the reference's CIFAR (2.3 and 0.3)."""
    last = loss_inputs(slot(None), epoch=100, val_loss=loss)
    assert loss_terminal(last) == pytest.approx(expected, abs=1e-3)
    assert loss_terminal(replace(last, epoch=99)) == 0.0


def test_good_seeds_earn_and_bad_ones_cost_in_the_loss_family() -> None:
    idle = play(useful(0.0), grower(0, first_epoch=99), LOSS_CONFIG).sum()
    assert play(useful(5.0), grower(0), LOSS_CONFIG).sum() > idle > play(useful(-5.0), grower(0), LOSS_CONFIG).sum()


def test_random_lives_reach_the_stages_that_the_terms_look_at() -> None:
    episodes = [random_episode(number, LOSS_CONFIG) for number in range(10)]
    assert SeedStage.FOSSILIZED in set.union(*(episode.stages for episode in episodes))
    assert all(payment.state.escrow == () for episode in episodes for payment in episode.payments)
