"""How measurements become reward inputs."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from esper.contracts.actions import Blueprint, Op, Style
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle import transitions as lifecycle
from esper.growth.lifecycle.state import Germination, seed_info
from esper.rewards.build import LivedStep, build_contribution_inputs, build_inputs
from esper.rewards.components import compute_reward
from esper.rewards.config import RewardConfig
from esper.rewards.state import DripPool, EscrowCredit, RewardState
from esper.rewards.types import ContributionRewardInputs, LossRewardInputs

SLOTS = ("r0c0", "r0c1", "r0c2")


def seed(slot_id: str, stage: SeedStage, alpha: float, params: int = 100) -> SeedInfo:
    request = Germination(
        seed_id=f"seed in {slot_id}",
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_ADD,
        tempo_epochs=3,
        alpha_target=1.0,
        parameter_count=params,
        val_accuracy=30.0,
    )
    state = lifecycle.germinate(None, request).state
    assert state is not None
    return replace(seed_info(state, slot_id), stage=stage, alpha=alpha)


def accuracies(**by_slots: float) -> tuple[MaskedAccuracy, ...]:
    """Named by digits, for example s110=50.0: slots 0 and 1 on."""
    return tuple(
        MaskedAccuracy(slots_on=tuple(digit == "1" for digit in name[1:]), accuracy=value)
        for name, value in by_slots.items()
    )


MATRIX = CounterfactualMatrix(
    active=(True, True, False),
    committed=(True, False, False),
    measurements=accuracies(s110=50.0, s010=44.0, s100=47.0, s000=40.0),
)


def lived(before: tuple[SeedInfo | None, ...], after: tuple[SeedInfo | None, ...], **changes: Any) -> LivedStep:
    values: dict[str, Any] = {
        "config": RewardConfig(),
        "slot_ids": SLOTS,
        "before": before,
        "after": after,
        "counterfactual": MATRIX,
        "action": Op.WAIT,
        "action_success": True,
        "target_slot": 1,
        "epoch": 30,
        "max_epochs": 100,
        "terminal": False,
        "host_params": 1000,
        "accuracy_history": (48.0, 47.0, 50.0),
        "control_accuracy": None,
        "val_loss": 1.5,
        "loss_delta": 0.25,
        "random_guess_loss": 2.3,
        "min_fossilize_contribution": 1.0,
    }
    return LivedStep(**{**values, **changes})


def build(
    before: tuple[SeedInfo | None, ...],
    after: tuple[SeedInfo | None, ...],
    state: RewardState | None = None,
    **changes: Any,
) -> ContributionRewardInputs:
    return build_contribution_inputs(lived(before, after, **changes), state or RewardState())


def two_seeds() -> tuple[SeedInfo | None, ...]:
    return (seed("r0c0", SeedStage.FOSSILIZED, 1.0, 200), seed("r0c1", SeedStage.HOLDING, 0.5), None)


def test_accuracies_and_contributions_come_from_the_matrix() -> None:
    inputs = build(two_seeds(), two_seeds())
    assert inputs.val_acc == 50.0
    assert [slot.contribution for slot in inputs.slots] == [6.0, 3.0, None]
    assert inputs.seed_contribution == 3.0
    assert inputs.total_contribution == 10.0
    assert inputs.committed_val_acc == 47.0
    assert (inputs.acc_delta, inputs.stable_val_acc) == (3.0, 47.0)


def test_counts_and_parameters_of_the_epoch_just_lived() -> None:
    inputs = build(two_seeds(), (two_seeds()[0], None, None))
    assert inputs.total_params == 1300
    assert (inputs.num_fossilized_seeds, inputs.num_contributing_fossilized) == (1, 1)
    assert inputs.fossilized_seed_params == 200
    assert inputs.effective_seed_params == pytest.approx(2 * 3.9 + 200 + 0.5 * 100)
    assert (inputs.seed_id, inputs.slot_id, inputs.acc_at_germination) == ("seed in r0c1", "r0c1", 30.0)


def test_alpha_shock_is_charged_to_the_step_that_moved_alpha() -> None:
    pruned = build(two_seeds(), (two_seeds()[0], None, None), action=Op.PRUNE)
    assert pruned.slots[1].alpha_delta == -0.5
    assert pruned.alpha_delta_sq_sum == pytest.approx(0.25 * 100 / 1000)
    assert build(two_seeds(), two_seeds()).alpha_delta_sq_sum == 0.0


def test_what_was_not_measured_is_none() -> None:
    empty = CounterfactualMatrix(
        active=(False, False, False), committed=(False, False, False), measurements=accuracies(s000=12.0)
    )
    inputs = build((None, None, None), (None, None, None), counterfactual=empty, accuracy_history=(12.0,))
    assert inputs.seed_info is None
    assert inputs.seed_id is None
    assert inputs.total_contribution is None
    assert inputs.acc_delta is None
    assert inputs.stable_val_acc is None
    assert compute_reward(inputs).total == 0.0


def test_reward_does_not_depend_on_the_order_of_slots() -> None:
    """Aggregation treats slots alike: relabelling them leaves the reward of a WAIT as it is."""
    order = [0, 1, 2]
    random.Random(1).shuffle(order)
    before = two_seeds()
    shuffled = CounterfactualMatrix(
        active=tuple(MATRIX.active[i] for i in order),
        committed=tuple(MATRIX.committed[i] for i in order),
        measurements=tuple(
            MaskedAccuracy(slots_on=tuple(m.slots_on[i] for i in order), accuracy=m.accuracy)
            for m in MATRIX.measurements
        ),
    )
    moved = tuple(before[i] for i in order)
    straight = compute_reward(build(before, before))
    other = compute_reward(build(moved, moved, counterfactual=shuffled))
    assert other.total == pytest.approx(straight.total)
    assert straight.total != 0.0


def test_the_state_reaches_the_slot_of_the_seed_that_it_names() -> None:
    state = RewardState(
        escrow=(EscrowCredit(seed_id="seed in r0c1", credit=1.5),),
        drips=(DripPool(seed_id="seed in r0c0", scale=0.25),),
        hindsight_due=0.125,
    )
    inputs = build(two_seeds(), two_seeds(), state)
    assert [slot.escrow_credit_prev for slot in inputs.slots] == [0.0, 1.5, 0.0]
    assert [slot.drip_scale for slot in inputs.slots] == [0.25, None, None]
    assert (inputs.escrow_credit_prev, inputs.hindsight_due) == (1.5, 0.125)
    replaced = (two_seeds()[0], replace(seed("r0c1", SeedStage.HOLDING, 0.5), seed_id="another"), None)
    assert build(replaced, replaced, state).escrow_credit_prev == 0.0


def test_boosts_are_measured_for_seeds_that_can_still_be_committed() -> None:
    """acc(both) 50 - 47 - 44 + 40 = -1 is no boost; with 53 it is one of 2 points, for the live seed only."""
    assert build(two_seeds(), two_seeds()).boosts == ()
    better = replace(MATRIX, measurements=accuracies(s110=53.0, s010=44.0, s100=47.0, s000=40.0))
    (boost,) = build(two_seeds(), two_seeds(), counterfactual=better).boosts
    assert (boost.scaffold, boost.beneficiary, boost.epoch) == ("seed in r0c0", "seed in r0c1", 30)
    assert boost.points == pytest.approx(2.0)


def test_the_family_decides_what_is_built() -> None:
    step = lived(two_seeds(), two_seeds(), config=RewardConfig(family="loss"))
    inputs = build_inputs(step, RewardState(loss_unpaid=0.75))
    assert isinstance(inputs, LossRewardInputs)
    assert (inputs.val_loss, inputs.loss_delta, inputs.loss_unpaid) == (1.5, 0.25, 0.75)
    assert (inputs.random_guess_loss, inputs.total_params, inputs.val_acc) == (2.3, 1300, 50.0)
    assert isinstance(build_inputs(lived(two_seeds(), two_seeds()), RewardState()), ContributionRewardInputs)
