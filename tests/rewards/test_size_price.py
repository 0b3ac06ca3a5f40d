"""A price of size: returns rank by accuracy minus price, and rewards without a price are as they were."""

from __future__ import annotations

import pytest
from samples import CONFIG, inputs, seed, slot

from esper.contracts.stages import SeedStage
from esper.rewards.components import compute_reward
from esper.rewards.config import PRICED_MODES, REWARD_MODES, RewardConfig
from esper.rewards.costs import size_cost

GROWN = slot(seed(SeedStage.FOSSILIZED, parameter_count=500), 5.0)


def test_each_epoch_and_far_more_so_the_end_charge_the_price_of_what_is_in_the_forward_path() -> None:
    assert size_cost(inputs(GROWN, size_price=10.0)) == pytest.approx(-CONFIG.contribution_weight * 5.0)
    end = size_cost(inputs(GROWN, size_price=10.0, epoch=100))
    assert end == pytest.approx(-(CONFIG.contribution_weight + CONFIG.terminal_gain_weight) * 5.0)


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.TRAINING])
def test_a_seed_that_does_not_work_yet_costs_nothing(stage: SeedStage) -> None:
    assert size_cost(inputs(slot(seed(stage), None), size_price=10.0, epoch=100)) == 0.0


def test_the_end_charges_what_the_last_action_leaves() -> None:
    pruned = slot(seed(SeedStage.HOLDING, parameter_count=500), 5.0, after=None)
    assert size_cost(inputs(pruned, size_price=10.0, epoch=100)) == pytest.approx(-5.0)


@pytest.mark.parametrize("mode", REWARD_MODES)
def test_the_term_exists_only_where_there_is_a_price_and_a_mode_that_charges_it(mode: str) -> None:
    values = {"total_contribution": 5.0, "committed_val_acc": 30.0, "config": RewardConfig(mode=mode)}
    assert compute_reward(inputs(GROWN, **values)).term("size_cost") is None
    priced = compute_reward(inputs(GROWN, size_price=10.0, **values)).term("size_cost")
    assert (priced is not None) == (mode in PRICED_MODES)
