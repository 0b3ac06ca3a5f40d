"""ESCROW: an advance that follows what a seed brings and is kept only by committing it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import inputs, seed, slot
from trajectories import farmer, grower, play, random_episode, turntabler, useful

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.escrow import escrow_delta, escrow_forfeit, escrow_move, escrow_target, next_escrow
from esper.rewards.types import ContributionRewardInputs, SlotRewardInputs

ESCROW = RewardConfig(mode="escrow")


def step(held: SlotRewardInputs, **changes: object) -> ContributionRewardInputs:
    values: dict[str, object] = {"config": ESCROW, "stable_val_acc": 30.0, "total_contribution": held.contribution}
    return inputs(held, **{**values, **changes})


def test_target_known_answers() -> None:
    assert escrow_target(step(slot(seed(), 4.0)), slot(seed(), 4.0)) == 4.0
    lone = slot(seed(), 30.0)
    assert escrow_target(step(lone), lone) == pytest.approx(15.0)  # harmonic mean of 30 and stable progress 10
    assert escrow_target(step(lone, val_acc=90.0), lone) == pytest.approx(15.0)  # one good epoch changes nothing
    harmful = slot(seed(), -4.0)
    assert escrow_target(step(harmful), harmful) == 0.0
    assert escrow_target(step(lone, stable_val_acc=None), lone) == 0.0
    unmeasured = slot(seed())
    assert escrow_target(step(unmeasured), unmeasured) == 0.0


def test_the_ratio_penalty_lowers_the_target_unless_it_is_switched_off() -> None:
    """c = 10 with I = 1: 2 * 10 / 11 of credit and R = -0.1."""
    claimed = slot(seed(), 10.0)
    gaming = step(claimed, total_contribution=1.0)
    assert escrow_target(gaming, claimed) == pytest.approx(20.0 / 11.0 - 0.1)
    off = replace(gaming, config=replace(ESCROW, disable_anti_gaming=True))
    assert escrow_target(off, claimed) == pytest.approx(20.0 / 11.0)


@pytest.mark.parametrize(
    ("contribution", "previous", "paid", "credit"),
    [
        (4.0, 0.0, 2.0, 2.0),
        (4.0, 3.5, 0.5, 4.0),
        (4.0, 4.0, 0.0, 4.0),
        (4.0, 9.0, -2.0, 7.0),
        (-1.0, 0.0, -1.0, 0.0),
        (-1.0, 1.5, -2.5, 0.0),
        (-1.0, 5.0, -3.0, 3.0),
    ],
)
def test_credit_moves_at_most_by_the_clip_and_harm_is_charged_besides(
    contribution: float, previous: float, paid: float, credit: float
) -> None:
    held = slot(seed(), contribution, escrow_credit_prev=previous)
    move = escrow_move(step(held), held)
    assert (move.paid, move.credit) == (pytest.approx(paid), pytest.approx(credit))


def test_without_a_clip_the_credit_is_the_target() -> None:
    held = slot(seed(), 9.0)
    assert escrow_delta(step(held, config=replace(ESCROW, escrow_delta_clip=0.0))) == 9.0


def test_pruned_and_lost_seeds_pay_everything_back() -> None:
    held = slot(seed(), 9.0, escrow_credit_prev=6.5)
    assert escrow_delta(step(held, action=Op.PRUNE)) == -6.5
    lost = slot(seed(), 9.0, escrow_credit_prev=6.5, after=seed(SeedStage.EMBARGOED))
    assert escrow_delta(step(lost)) == -6.5
    assert next_escrow(step(lost)) == ()


def test_open_credit_is_forfeited_at_the_end_and_committed_credit_kept() -> None:
    held = slot(seed(), 4.0, escrow_credit_prev=4.0)
    assert escrow_forfeit(step(held)) == 0.0
    assert escrow_forfeit(step(held, epoch=100)) == -4.0
    committed = replace(held, after=seed(SeedStage.FOSSILIZED))
    assert escrow_forfeit(step(committed, epoch=100, action=Op.FOSSILIZE)) == 0.0


def test_fossilized_share_0_freezes_the_credit_of_a_committed_seed() -> None:
    fossil = slot(seed(SeedStage.FOSSILIZED), 9.0, escrow_credit_prev=4.0)
    assert escrow_delta(step(fossil)) == 2.0
    frozen = step(fossil, config=replace(ESCROW, fossilized_share=0.0))
    assert escrow_delta(frozen) == 0.0
    (kept,) = next_escrow(frozen)
    assert kept.credit == 4.0


@settings(max_examples=80, deadline=None)
@given(number=st.integers(0, 10**6), epochs=st.integers(3, 60))
def test_whatever_happens_an_episode_keeps_only_the_credit_of_committed_seeds(number: int, epochs: int) -> None:
    episode = random_episode(number, ESCROW, epochs=epochs)
    blame = 0.0
    for lived, memory in zip(episode.steps, episode.before_states, strict=True):
        for index, info in enumerate(lived.before):
            contribution = lived.counterfactual.contribution(index)
            pruned = lived.action is Op.PRUNE and lived.action_success and lived.target_slot == index
            after = lived.after[index]
            lost = after is None or after.stage in (SeedStage.PRUNED, SeedStage.EMBARGOED)
            if info is not None and contribution is not None and contribution < 0.0 and not pruned and not lost:
                blame += contribution
        assert all(item.credit >= 0.0 for item in memory.escrow)
    committed = {
        info.seed_id for info in episode.steps[-1].after if info is not None and info.stage is SeedStage.FOSSILIZED
    }
    kept = sum(item.credit for item in episode.payments[-1].state.escrow if item.seed_id in committed)
    assert episode.sum("escrow_delta", "escrow_forfeit") - blame == pytest.approx(kept, abs=1e-9)


def test_known_episodes() -> None:
    """Germinated in epoch 5: timing discount 0.7."""
    assert play(useful(5.0), grower(0), ESCROW).sum("escrow_delta", "escrow_forfeit") == pytest.approx(0.7 * 5.0)
    for player in (grower(0, commit_after=None), turntabler(0), farmer(0, prune_in=SeedStage.HOLDING)):
        assert play(useful(5.0), player, ESCROW).sum("escrow_delta", "escrow_forfeit") == pytest.approx(0.0)
