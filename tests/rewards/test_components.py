"""Known answers and bounds of every term of the SHAPED reward."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import CONFIG, inputs, seed, slot

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.actions import action_cost, action_shaping, fossilize_terminal_bonus
from esper.rewards.attribution import (
    bounded_attribution,
    ratio_penalty,
    synergy_bonus,
    timing_discount,
)
from esper.rewards.costs import alpha_shock, compute_rent, effective_params, fossilized_rent, occupancy_rent
from esper.rewards.terminal import terminal_bonus
from esper.rewards.types import ContributionRewardInputs
from esper.rewards.warnings import blending_warning, holding_warning

# --- attribution ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contribution", "val_acc", "expected"),
    [
        (-2.0, 30.0, -2.0),  # harm counts in full
        (4.0, 20.0, 0.0),  # no progress since germination
        (4.0, 15.0, 0.0),
        (4.0, 30.0, 4.0),  # contribution below progress
        (30.0, 30.0, 15.0),  # harmonic mean of 10 and 30
        (10.0, 30.0, 10.0),
    ],
)
def test_attribution_known_answers(contribution: float, val_acc: float, expected: float) -> None:
    step = inputs(slot(seed(), contribution), val_acc=val_acc, total_contribution=contribution)
    assert bounded_attribution(step) == pytest.approx(expected)


def test_attribution_adds_up_over_all_slots_whichever_is_targeted() -> None:
    slots = (slot(seed(), 4.0), slot(seed(), -1.5, "r0c1"), slot(None, None, "r0c2"))
    for target in slots:
        step = inputs(*slots, total_contribution=2.5, slot_id=target.slot_id, seed_info=target.before)
        assert bounded_attribution(step) == pytest.approx(2.5)


def test_credit_ends_where_the_whole_begins_to_hurt_and_harm_counts_in_full() -> None:
    """A seed is not credited while nothing but it can explain that the whole hurts, however needed it seems."""
    step = inputs(slot(seed(), 4.0), total_contribution=-0.01)
    assert bounded_attribution(step) == 0.0
    assert bounded_attribution(replace(step, total_contribution=0.01)) < 0.02
    assert bounded_attribution(inputs(slot(seed(), -4.0), total_contribution=-1.0)) == -4.0


def test_seeds_that_need_each_other_share_what_they_bring_together() -> None:
    """Two seeds claim 8 points each and bring 2: each is confirmed 1, so 2 * 1 * 8 / 9."""
    pair = (slot(seed(), 8.0), slot(seed(), 8.0, "r0c1"))
    assert bounded_attribution(inputs(*pair, total_contribution=2.0)) == pytest.approx(2 * 16.0 / 9.0)
    assert bounded_attribution(inputs(*pair, total_contribution=16.0)) == pytest.approx(16.0)


def test_a_good_seed_is_not_blamed_for_its_neighbour() -> None:
    pair = (slot(seed(), 5.0), slot(seed(), -8.0, "r0c1"))
    assert bounded_attribution(inputs(*pair, total_contribution=-3.0)) == pytest.approx(-3.0)


def test_early_germination_earns_less_and_harms_as_much() -> None:
    assert timing_discount(0, CONFIG) == 0.4
    assert timing_discount(5, CONFIG) == pytest.approx(0.7)
    assert timing_discount(10, CONFIG) == timing_discount(50, CONFIG) == 1.0
    assert timing_discount(0, replace(CONFIG, timing_warmup_epochs=0)) == 1.0
    born_at_five = seed(epochs_total=35)
    good = inputs(slot(born_at_five, 4.0), total_contribution=4.0)
    assert bounded_attribution(good) == pytest.approx(0.7 * 4.0)
    bad = inputs(slot(born_at_five, -4.0), total_contribution=-4.0)
    assert bounded_attribution(bad) == -4.0


def test_a_fossil_keeps_its_share_of_credit_and_of_the_ratio_penalty() -> None:
    step = inputs(slot(seed(SeedStage.FOSSILIZED), 8.0), total_contribution=8.0)
    assert bounded_attribution(step) == 8.0
    half = replace(step, config=replace(CONFIG, fossilized_share=0.5))
    assert bounded_attribution(half) == 4.0
    assert bounded_attribution(replace(step, config=replace(CONFIG, fossilized_share=0.0))) == 0.0
    assert bounded_attribution(inputs(slot(seed(SeedStage.FOSSILIZED), -8.0), total_contribution=-8.0)) == -8.0
    needed = replace(step, total_contribution=0.5)
    assert ratio_penalty(needed) == pytest.approx(-0.1 * (8.0 / 0.5 - 5.0) / 5.0)
    for share in (0.0, 0.5):
        paid = replace(needed, config=replace(CONFIG, fossilized_share=share))
        assert ratio_penalty(paid) == pytest.approx(share * ratio_penalty(needed))


@pytest.mark.parametrize(
    ("stage", "current", "expected"),
    [
        (SeedStage.BLENDING, 30.0, 1.5),  # 0.3 * 5 points since the stage began
        (SeedStage.BLENDING, 24.0, 0.0),
        (SeedStage.TRAINING, 30.0, 0.0),
        (SeedStage.GERMINATED, 30.0, 0.0),
    ],
)
def test_proxy_before_the_first_counterfactual(stage: SeedStage, current: float, expected: float) -> None:
    step = inputs(slot(seed(stage, current_accuracy=current)))
    assert bounded_attribution(step) == pytest.approx(expected)


def test_prune_turns_credit_of_the_targeted_slot_into_blame_and_never_pays() -> None:
    slots = (slot(seed(), 3.0), slot(seed(), 2.0, "r0c1"))
    step = inputs(*slots, total_contribution=5.0, action=Op.PRUNE)
    assert bounded_attribution(step) == pytest.approx(-3.0 + 2.0)
    assert bounded_attribution(replace(step, action_success=False)) == pytest.approx(5.0)
    harmful = inputs(slot(seed(), -3.0), total_contribution=-3.0, action=Op.PRUNE)
    assert bounded_attribution(harmful) == 0.0
    gaming = inputs(slot(seed(), 5.0), total_contribution=0.05)
    assert ratio_penalty(replace(gaming, action=Op.PRUNE)) == ratio_penalty(gaming) < 0.0


def test_an_attempt_to_fossilise_is_no_way_out_of_blame() -> None:
    step = inputs(slot(seed(), -4.0), total_contribution=-4.0, action=Op.FOSSILIZE, action_success=False)
    assert bounded_attribution(step) == -4.0


def test_a_contribution_without_the_total_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="all-off"):
        bounded_attribution(inputs(slot(seed(), 1.0)))


@given(drift=st.floats(0.0, 80.0), base=st.floats(0.0, 20.0))
def test_host_drift_alone_earns_no_attribution(drift: float, base: float) -> None:
    still = inputs(slot(seed(), 0.0), val_acc=base, total_contribution=0.0)
    drifted = replace(still, val_acc=base + drift)
    for term in (bounded_attribution, ratio_penalty, synergy_bonus):
        assert term(drifted) == term(still) == 0.0


@given(c=st.floats(-100.0, 100.0), total=st.floats(-100.0, 100.0), val_acc=st.floats(0.0, 100.0))
def test_attribution_exceeds_neither_contribution_nor_twice_progress_nor_twice_the_whole(
    c: float, total: float, val_acc: float
) -> None:
    step = inputs(slot(seed(), c), total_contribution=total, val_acc=val_acc)
    paid = bounded_attribution(step)
    assert min(c, 0.0) <= paid <= max(c, 0.0)
    assert paid <= max(0.0, 2.0 * (val_acc - 20.0)) + 1e-9
    assert paid <= max(0.0, 2.0 * total) + 1e-9


@pytest.mark.parametrize(
    ("contribution", "total", "expected"),
    [
        (1.0, 0.05, 0.0),
        (5.0, 0.05, -0.15),
        (50.0, 0.05, -0.3),
        (5.0, 1.0, 0.0),
        (10.0, 1.0, -0.1),
        (40.0, 1.0, -0.3),
        (5.0, -1.0, 0.0),  # a hurting whole earns no credit to begin with
        (None, None, 0.0),
    ],
)
def test_ratio_penalty_known_answers(contribution: float | None, total: float | None, expected: float) -> None:
    step = inputs(slot(seed(), contribution), total_contribution=total)
    assert ratio_penalty(step) == pytest.approx(expected)


def test_synergy_pays_positive_interaction_of_credited_seeds_only() -> None:
    pair = (slot(seed(interaction_sum=2.0), 4.0), slot(seed(interaction_sum=2.0), 3.0, "r0c1"))
    step = inputs(*pair, total_contribution=6.0)
    assert synergy_bonus(step) == pytest.approx(2 * 0.1 * math.tanh(1.0))
    assert synergy_bonus(replace(step, total_contribution=-0.5)) == 0.0
    harmful = inputs(slot(seed(interaction_sum=2.0), -1.0), total_contribution=1.0)
    assert synergy_bonus(harmful) == 0.0
    fossil = inputs(slot(seed(SeedStage.FOSSILIZED, interaction_sum=2.0), 4.0), total_contribution=4.0)
    assert synergy_bonus(fossil) == 0.0
    rivals = inputs(slot(seed(interaction_sum=-2.0), 4.0), total_contribution=4.0)
    assert synergy_bonus(rivals) == 0.0


# --- warnings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "expected"), [(0, -0.1), (2, -0.2), (6, -0.4), (50, -0.4)])
def test_blending_warning(epochs: int, expected: float) -> None:
    step = inputs(slot(seed(SeedStage.BLENDING, epochs_in_stage=epochs), 1.0), total_contribution=-1.0)
    assert blending_warning(step) == pytest.approx(expected)
    assert blending_warning(replace(step, total_contribution=0.0)) == 0.0


@pytest.mark.parametrize(("epochs", "expected"), [(1, 0.0), (2, -0.1), (4, -0.2), (6, -0.3), (50, -0.3)])
@pytest.mark.parametrize("op", [Op.WAIT, Op.SET_ALPHA_TARGET, Op.ADVANCE, Op.GERMINATE])
def test_holding_warning_whatever_keeps_the_controller_busy(epochs: int, expected: float, op: Op) -> None:
    step = inputs(slot(seed(epochs_in_stage=epochs), 2.0), total_contribution=2.0, action=op)
    assert holding_warning(step) == pytest.approx(expected)


def test_no_holding_warning_for_a_decision_or_a_worthless_seed() -> None:
    step = inputs(slot(seed(epochs_in_stage=9), 2.0), total_contribution=2.0)
    assert holding_warning(replace(step, action=Op.FOSSILIZE)) == 0.0
    assert holding_warning(replace(step, action=Op.PRUNE)) == 0.0
    assert holding_warning(inputs(slot(seed(epochs_in_stage=9), -2.0), total_contribution=-2.0)) == 0.0


# --- costs ---------------------------------------------------------------------------------------------------------


def test_rent_known_answer_floor_and_cap() -> None:
    step = inputs(slot(None), effective_seed_params=1000.0)
    assert compute_rent(step) == pytest.approx(-0.5 * math.log(2.0))
    assert compute_rent(replace(step, host_params=100)) == pytest.approx(-0.5 * math.log(1.0 + 1000 / 200))
    assert compute_rent(replace(step, effective_seed_params=1e9)) == -1.5
    assert compute_rent(replace(step, effective_seed_params=0.0)) == 0.0


def test_effective_params_by_stage_and_alpha() -> None:
    half = seed(SeedStage.BLENDING, alpha=0.5)
    assert effective_params(half, 1000, CONFIG) == pytest.approx(3.9 + 50.0)
    assert effective_params(seed(SeedStage.TRAINING, alpha=0.0), 1000, CONFIG) == 0.0
    assert effective_params(None, 1000, CONFIG) == 0.0


def test_occupancy_counts_seeds_beyond_the_free_slot_and_no_cooldown() -> None:
    three = (slot(seed()), slot(seed(SeedStage.FOSSILIZED), None, "r0c1"), slot(seed(), None, "r0c2"))
    assert occupancy_rent(inputs(*three)) == pytest.approx(-0.02)
    cooling = (slot(seed()), slot(seed(SeedStage.EMBARGOED), None, "r0c1"), slot(None, None, "r0c2"))
    assert occupancy_rent(inputs(*cooling)) == 0.0


def test_maintenance_of_fossils() -> None:
    assert fossilized_rent(inputs(slot(None), num_fossilized_seeds=3)) == pytest.approx(-0.006)


def test_alpha_shock_and_its_cap() -> None:
    step = inputs(slot(None), alpha_delta_sq_sum=0.5)
    assert alpha_shock(step) == pytest.approx(-0.0979)
    assert alpha_shock(replace(step, alpha_delta_sq_sum=1e6)) == -1.0


# --- ops -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Op.WAIT, 0.0),
        (Op.GERMINATE, -0.15),
        (Op.SET_ALPHA_TARGET, -0.005),
        (Op.PRUNE, -0.005),
        (Op.FOSSILIZE, -0.01),
        (Op.ADVANCE, 0.0),
    ],
)
def test_price_of_ops(op: Op, expected: float) -> None:
    assert action_cost(inputs(slot(seed()), action=op)) == expected


def test_advance_costs_only_from_training() -> None:
    assert action_shaping(inputs(slot(seed(SeedStage.TRAINING)), action=Op.ADVANCE)) == -0.1
    assert action_shaping(inputs(slot(seed(SeedStage.BLENDING)), action=Op.ADVANCE)) == 0.0
    assert action_shaping(inputs(slot(seed(SeedStage.TRAINING)), action=Op.WAIT)) == 0.0


@pytest.mark.parametrize(
    ("contribution", "total", "epochs", "success", "expected"),
    [
        (5.0, 5.0, 5, True, 1.0),
        (5.0, 5.0, 1, True, 0.2),
        (0.9, 5.0, 5, True, -0.2),
        (5.0, 5.0, 5, False, -0.2),
        (None, None, 5, False, -0.2),
        (0.05, -0.1, 5, True, -0.52),
        (5.0, -0.1, 5, True, -0.52),
        (5.0, -1.0, 5, True, -1.0),  # harm 0.5 + 0.2, ransom 0.3
        (5.0, -50.0, 5, True, -1.8),
    ],
)
def test_fossilize_shaping(
    contribution: float | None, total: float | None, epochs: int, success: bool, expected: float
) -> None:
    step = inputs(
        slot(seed(epochs_in_stage=epochs), contribution),
        total_contribution=total,
        action=Op.FOSSILIZE,
        action_success=success,
    )
    assert action_shaping(step) == pytest.approx(expected)


def commit(contribution: float, total: float, epochs: int = 5) -> ContributionRewardInputs:
    return inputs(slot(seed(epochs_in_stage=epochs), contribution), total_contribution=total, action=Op.FOSSILIZE)


def test_fossilize_bonus_is_paid_at_once_and_only_for_value() -> None:
    step = commit(1.0, 1.0)
    full = 3.0 * math.tanh(1.0 / 3.0)
    assert fossilize_terminal_bonus(step) == pytest.approx(full)
    assert fossilize_terminal_bonus(commit(1.0, 1.0, epochs=1)) == pytest.approx(full / 5)
    assert fossilize_terminal_bonus(replace(step, action_success=False)) == 0.0
    assert fossilize_terminal_bonus(commit(0.99, 0.99)) == 0.0
    assert fossilize_terminal_bonus(commit(5.0, 0.9)) == 0.0
    assert fossilize_terminal_bonus(replace(step, val_acc=20.9)) == 0.0
    assert fossilize_terminal_bonus(replace(step, action=Op.WAIT)) == 0.0


def test_commitment_is_rewarded_by_what_is_confirmed_not_by_what_is_claimed() -> None:
    assert action_shaping(commit(8.0, 8.0)) == pytest.approx(0.5 + 0.8)
    assert action_shaping(commit(8.0, 3.0)) == pytest.approx(0.5 + 0.3)
    assert action_shaping(replace(commit(8.0, 8.0), val_acc=22.0)) == pytest.approx(0.5 + 0.2)


@pytest.mark.parametrize(
    ("contribution", "age", "expected"),
    [
        (-0.6, 3, 0.15),
        (-0.6, 2, -0.1),
        (-0.4, 3, 0.1),
        (0.0, 20, -0.3),
        (4.0, 20, -0.5),
        (60.0, 20, -0.9),
        (None, 4, -0.1),
        (None, 5, 0.0),
    ],
)
def test_prune_shaping(contribution: float | None, age: int, expected: float) -> None:
    step = inputs(slot(seed(epochs_total=age), contribution), total_contribution=1.0, action=Op.PRUNE)
    assert action_shaping(step) == pytest.approx(expected)


def test_terminal_bonus_in_the_last_epoch_only() -> None:
    assert terminal_bonus(inputs(slot(None), epoch=100, val_acc=60.0)) == pytest.approx(3.0)
    assert terminal_bonus(inputs(slot(None), epoch=99, val_acc=60.0)) == 0.0
