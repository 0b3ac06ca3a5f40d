"""Credit after the fact for seeds that helped another one until it could be committed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import CONFIG, EPOCH, inputs, seed, slot
from trajectories import grower, play, useful

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.config import RewardConfig
from esper.rewards.hindsight import HindsightGrant, hindsight_grant, next_boosts
from esper.rewards.state import Boost


def boost(points: float, epoch: int, beneficiary: str = "seed") -> Boost:
    return Boost(scaffold="scaffold", beneficiary=beneficiary, points=points, epoch=epoch)


COMMIT = inputs(
    slot(seed(epochs_in_stage=5), 4.0, after=seed(SeedStage.FOSSILIZED)), total_contribution=4.0, action=Op.FOSSILIZE
)


def test_grant_known_answer() -> None:
    rows = (boost(2.0, EPOCH - 10), boost(0.5, EPOCH), boost(9.0, EPOCH, beneficiary="another"))
    grant = hindsight_grant(COMMIT, rows)
    expected = 0.1 * math.tanh(0.8) * 0.995**10 + 0.1 * math.tanh(0.2)
    assert grant.credit == pytest.approx(expected)
    assert (grant.scaffold_count, grant.scaffold_delay_total) == (2, 10)


def test_rows_of_this_epoch_count_and_the_credit_is_capped() -> None:
    assert hindsight_grant(replace(COMMIT, boosts=(boost(2.0, EPOCH),)), ()).credit > 0.0
    assert hindsight_grant(COMMIT, [boost(50.0, EPOCH)] * 5).credit == 0.2


def test_no_grant_without_a_successful_commitment_of_value() -> None:
    rows = (boost(2.0, EPOCH),)
    for step in (
        replace(COMMIT, action_success=False),
        replace(COMMIT, action=Op.PRUNE),
        replace(COMMIT, seed_contribution=-1.0),
        replace(COMMIT, seed_contribution=None),
    ):
        assert hindsight_grant(step, rows) == HindsightGrant()


def test_the_ledger_forgets_seeds_that_are_no_longer_open() -> None:
    still_open = inputs(slot(seed(), 4.0), total_contribution=4.0, boosts=(boost(1.0, EPOCH),))
    assert next_boosts(still_open, (boost(2.0, EPOCH - 1), boost(2.0, EPOCH - 1, "pruned"))) == (
        boost(2.0, EPOCH - 1),
        boost(1.0, EPOCH),
    )
    assert next_boosts(COMMIT, (boost(2.0, EPOCH),)) == ()


@given(
    rows=st.lists(st.tuples(st.floats(1e-6, 100.0), st.integers(1, EPOCH)), max_size=10),
    contribution=st.floats(-50.0, 100.0),
)
def test_bounds_of_the_grant(rows: list[tuple[float, int]], contribution: float) -> None:
    grant = hindsight_grant(replace(COMMIT, seed_contribution=contribution), [boost(*row) for row in rows])
    assert 0.0 <= grant.credit <= 0.2


def team(_epoch: int, on: Mapping[int, float], _there: Mapping[int, float]) -> float:
    """Seeds 0 and 1 bring 3 points each and 4 more together."""
    return 40.0 + 3.0 * sum(on.values()) + 4.0 * on.get(0, 0.0) * on.get(1, 0.0)


@pytest.mark.parametrize("mode", ["shaped", "escrow", "basic", "basic_plus"])
def test_a_team_is_paid_on_the_step_after_each_commitment(mode: str) -> None:
    episode = play(team, grower(0, 1), RewardConfig(mode=mode))
    commits = [t for t, step in enumerate(episode.steps) if step.action is Op.FOSSILIZE]
    paid = [t for t, payment in enumerate(episode.payments) if payment.components.term("hindsight_credit")]
    helped = [t for t in commits if episode.payments[t].grant.scaffold_count]
    assert paid == [t + 1 for t in helped]
    assert helped
    assert episode.sum("hindsight_credit") == pytest.approx(sum(p.grant.credit for p in episode.payments))


def test_seeds_that_do_not_touch_are_no_scaffolds() -> None:
    episode = play(useful(5.0, 5.0), grower(0, 1), CONFIG)
    assert episode.sum("hindsight_credit") == 0.0
    assert all(payment.grant.scaffold_count == 0 for payment in episode.payments)


@pytest.mark.parametrize("config", [RewardConfig(mode="sparse"), RewardConfig(mode="simplified")])
def test_a_mode_without_the_term_keeps_no_ledger(config: RewardConfig) -> None:
    episode = play(team, grower(0, 1), config)
    assert all(payment.state.boosts == () for payment in episode.payments)
    assert all(payment.grant == HindsightGrant() for payment in episode.payments)
