"""What every mode and family is made of, and what holds for all of them on random lives."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import CONFIG, LOSS_CONFIG, inputs, seed, slot
from trajectories import Episode, grower, play, random_episode, useful

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.errors import ConfigError
from esper.rewards.actions import intervention_cost, young_prune_penalty
from esper.rewards.commitment import commit_advance, commit_bonus, commit_drip
from esper.rewards.components import LOSS_COMPONENTS, contribution_components, loss_components
from esper.rewards.config import REWARD_MODES, RewardConfig
from esper.rewards.costs import auto_prune_penalty, budget_rent
from esper.rewards.terminal import contributing_fossil_bonus, final_accuracy_bonus, sparse_score, terminal_delta
from esper.rewards.types import ContributionRewardInputs

EVERY_CONFIG = [*(RewardConfig(mode=mode) for mode in REWARD_MODES), LOSS_CONFIG]
MAX_SEEDS = 3
COMMIT = 3.0 * math.tanh(1.0 / 3.0)
DENSE = {
    "blending_warning": (-0.4 * MAX_SEEDS, 0.0),
    "holding_warning": (-0.3 * MAX_SEEDS, 0.0),
    "synergy_bonus": (0.0, 0.1 * MAX_SEEDS),
    "compute_rent": (-1.5, 0.0),
    "occupancy_rent": (-0.02, 0.0),
    "fossilized_rent": (-0.006, 0.0),
    "alpha_shock": (-1.0, 0.0),
    "action_cost": (-0.15, 0.0),
    "action_shaping": (-1.8, 0.5 + 0.1 * 100.0),
    "fossilize_terminal_bonus": (0.0, COMMIT),
    "terminal_bonus": (0.0, 5.0),
}
SHAPING = {
    "pbrs_bonus": (-0.3 * 8.0 * MAX_SEEDS, 0.3 * 8.0 * MAX_SEEDS),
    "germination_clawback": (-0.3 * 3.5 * MAX_SEEDS, 0.0),
}
AFTERMATH = {"hindsight_credit": (0.0, 0.2), "auto_prune_penalty": (-0.2 * MAX_SEEDS, 0.0)}
BUDGET = {"budget_rent": (-0.1, 0.0), "terminal_delta": (-5.0, 5.0)}
BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "shaped": {
        "bounded_attribution": (-300.0, 300.0),
        "ratio_penalty": (-0.9, 0.0),
        **DENSE,
        **SHAPING,
        **AFTERMATH,
    },
    "escrow": {
        "escrow_delta": (-300.0 - 300.0, 2.0 * MAX_SEEDS),
        "escrow_forfeit": (-300.0, 0.0),
        **DENSE,
        **SHAPING,
        **AFTERMATH,
    },
    "basic": {"commit_bonus": (-0.5, 0.3 + 0.5 * 100.0), **BUDGET, **SHAPING, **AFTERMATH},
    "basic_plus": {
        "commit_advance": (-0.5, 0.3 * (0.3 + 0.5 * 100.0)),
        "commit_drip": (-0.05 * MAX_SEEDS, 0.1 * MAX_SEEDS),
        **BUDGET,
        **SHAPING,
        **AFTERMATH,
    },
    "simplified": {
        "intervention_cost": (-0.01, 0.0),
        "final_accuracy_bonus": (0.0, 3.0),
        "contributing_fossil_bonus": (0.0, 2.0 * MAX_SEEDS),
        **SHAPING,
    },
    "sparse": {"sparse_score": (-1.0, 1.0)},
    "minimal": {"sparse_score": (-1.0, 1.0), "young_prune_penalty": (-0.1, 0.0)},
}
LOSS_BOUNDS = {
    "loss_progress": (-25.0, 25.0),
    "loss_rent": (-5.0, 0.0),
    "loss_terminal": (0.0, 1.0),
    **SHAPING,
}


def named(config: RewardConfig) -> str:
    return f"{config.family} {config.mode}"


def bounds_of(config: RewardConfig) -> dict[str, tuple[float, float]]:
    return LOSS_BOUNDS if config.family == "loss" else BOUNDS[config.mode]


def names(config: RewardConfig) -> set[str]:
    components = loss_components(config) if config.family == "loss" else contribution_components(config)
    return {component.name for component in components}


# --- all modes -----------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(number=st.integers(0, 10**6), config=st.sampled_from(EVERY_CONFIG), terminal=st.booleans())
def test_reward_is_the_exact_sum_of_its_terms_each_within_its_bounds(
    number: int, config: RewardConfig, terminal: bool
) -> None:
    bounds = bounds_of(config)
    for payment in random_episode(number, config, terminal=terminal).payments:
        total = 0.0
        for term in payment.components.terms:
            total += term.value
            low, high = bounds[term.name]
            assert low <= term.value <= high, term
        assert payment.components.total == total
        assert {term.name for term in payment.components.terms} == set(bounds)


@pytest.mark.parametrize("config", EVERY_CONFIG, ids=named)
def test_random_lives_make_every_term_of_every_mode_speak(config: RewardConfig) -> None:
    """Guards the property above: no term stays 0 throughout, the rare ones apart."""
    rare = {"auto_prune_penalty"}
    episodes = [random_episode(number, config, epochs=60) for number in range(40)]
    silent = {name for name in names(config) if not any(_speaks(episode, name) for episode in episodes)}
    assert silent <= rare


def _speaks(episode: Episode, name: str) -> bool:
    return any(payment.components.term(name) for payment in episode.payments)


@pytest.mark.parametrize("config", EVERY_CONFIG, ids=named)
def test_every_mode_has_the_documented_terms_once(config: RewardConfig) -> None:
    listed = LOSS_COMPONENTS if config.family == "loss" else contribution_components(config)
    assert sorted(component.name for component in listed) == sorted(bounds_of(config))


def test_switches_remove_terms_instead_of_zeroing_them() -> None:
    shaping = {"pbrs_bonus", "germination_clawback"}
    terminal = {
        "terminal_bonus",
        "terminal_delta",
        "final_accuracy_bonus",
        "contributing_fossil_bonus",
        "loss_terminal",
    }
    gaming = {"ratio_penalty", "alpha_shock"}
    for config in EVERY_CONFIG:
        everything = names(config)
        assert everything - names(replace(config, disable_shaping=True)) == everything & shaping
        assert everything - names(replace(config, disable_anti_gaming=True)) == everything & gaming
        if config.mode not in ("sparse", "minimal"):
            assert everything - names(replace(config, disable_terminal=True)) == everything & terminal


@pytest.mark.parametrize("mode", ["sparse", "minimal"])
def test_a_mode_that_pays_at_the_end_only_cannot_do_without_its_end(mode: str) -> None:
    with pytest.raises(ConfigError, match=r"reward\.disable_terminal.*choose another mode"):
        replace(CONFIG, mode=mode, disable_terminal=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode": "shapely"}, r"reward\.mode is 'shapely': there is no such reward mode; did you mean shaped"),
        ({"family": "losses"}, r"reward\.family is 'losses': it must be one of contribution, loss"),
        ({"family": "loss", "mode": "sparse"}, r"the loss family has one form; leave"),
        ({"loss_target_share": 1.0}, r"loss_target_share is 1\.0: it must be at least 0 and below 1"),
        ({"loss_delta_std": 0.0}, r"reward\.loss_delta_std is 0\.0: it must be above 0"),
        ({"param_budget": 0}, r"reward\.param_budget is 0: it must be from 1 to"),
        ({"fossilized_share": 1.5}, r"reward\.fossilized_share is 1\.5: it must be from 0 to 1"),
        ({"escrow_delta_clip": -1.0}, r"reward\.escrow_delta_clip is -1\.0: it must be from 0 to 100"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CONFIG, **changes)


@pytest.mark.parametrize("config", EVERY_CONFIG, ids=named)
def test_the_weights_of_costs_that_are_0_cost_nothing(config: RewardConfig) -> None:
    free = replace(
        config,
        rent_weight=0.0,
        occupancy_rent=0.0,
        fossilized_maintenance=0.0,
        alpha_shock_weight=0.0,
        param_penalty_weight=0.0,
        loss_rent_weight=0.0,
        auto_prune_penalty=0.0,
    )
    costs = ("compute_rent", "occupancy_rent", "fossilized_rent", "alpha_shock", "budget_rent", "loss_rent")
    for number in range(5):
        assert random_episode(number, free).sum(*costs, "auto_prune_penalty") == 0.0


# --- terms of the simpler modes ------------------------------------------------------------------------------------


def commit(contribution: float | None, total: float | None, epochs: int = 5) -> ContributionRewardInputs:
    holding = seed(SeedStage.HOLDING, epochs_in_stage=epochs)
    return inputs(slot(holding, contribution), total_contribution=total, action=Op.FOSSILIZE)


@pytest.mark.parametrize(
    ("contribution", "total", "epochs", "expected"),
    [
        (4.0, 4.0, 5, 0.3 + 0.5 * 4.0),
        (4.0, 4.0, 1, (0.3 + 0.5 * 4.0) / 5),
        (8.0, 2.0, 5, 0.3 + 0.5 * 3.2),  # harmonic mean of 8 and the 2 that are confirmed
        (8.0, 0.5, 5, -0.2),
        (0.9, 0.9, 5, -0.2),
        (5.0, -1.0, 5, -0.5),
        (0.05, -1.0, 5, -0.2),
        (None, None, 5, -0.2),
    ],
)
def test_commit_bonus(contribution: float | None, total: float | None, epochs: int, expected: float) -> None:
    step = commit(contribution, total, epochs)
    assert commit_bonus(step) == pytest.approx(expected)
    assert commit_advance(step) == pytest.approx(0.3 * expected if expected > 0.0 else expected)
    assert commit_bonus(replace(step, action=Op.WAIT)) == 0.0


def test_no_commit_bonus_for_a_closed_gate_or_without_progress() -> None:
    assert commit_bonus(replace(commit(4.0, 4.0), action_success=False)) == -0.2
    assert commit_bonus(replace(commit(4.0, 4.0), val_acc=20.5)) == -0.2


@pytest.mark.parametrize(
    ("scale", "contribution", "expected"),
    [(0.02, 3.0, 0.06), (0.02, 50.0, 0.1), (0.02, -1.0, -0.02), (0.02, -50.0, -0.05), (None, 3.0, 0.0)],
)
def test_commit_drip(scale: float | None, contribution: float, expected: float) -> None:
    fossil = slot(seed(SeedStage.FOSSILIZED), contribution, drip_scale=scale)
    step = inputs(fossil, total_contribution=contribution, val_acc=90.0)
    assert commit_drip(step) == pytest.approx(expected)


def test_the_drip_pool_of_basic_plus_pays_from_the_epoch_after_the_commitment() -> None:
    """Committed in epoch 18 of 50 with 5 points: 70 % of 2.8 over 32 epochs, times 5 points, is above the cap."""
    episode = play(useful(5.0), grower(0), RewardConfig(mode="basic_plus"))
    drips = [payment.components.term("commit_drip") for payment in episode.payments]
    (committed,) = [step.epoch for step in episode.steps if step.action is Op.FOSSILIZE]
    assert set(drips[:committed]) == {0.0}
    assert set(drips[committed:]) == {0.1}
    (pool,) = episode.payments[-1].state.drips
    assert pool.scale == pytest.approx(0.7 * (0.3 + 0.5 * 5.0) / (50 - committed))


def test_simple_costs() -> None:
    assert budget_rent(inputs(slot(None), effective_seed_params=50_000.0)) == pytest.approx(-0.01)
    assert intervention_cost(inputs(slot(seed()), action=Op.ADVANCE)) == -0.01
    assert intervention_cost(inputs(slot(seed()))) == 0.0
    young = inputs(slot(seed(epochs_total=4)), action=Op.PRUNE)
    assert young_prune_penalty(young) == -0.1
    assert young_prune_penalty(replace(young, action_success=False)) == 0.0
    assert young_prune_penalty(inputs(slot(seed(epochs_total=5)), action=Op.PRUNE)) == 0.0


def test_a_seed_that_the_clock_prunes_is_charged_and_one_that_the_controller_prunes_is_not() -> None:
    lost = slot(seed(epochs_in_stage=20), after=seed(SeedStage.EMBARGOED))
    assert auto_prune_penalty(inputs(lost)) == -0.2
    assert auto_prune_penalty(inputs(lost, action=Op.PRUNE)) == 0.0
    assert auto_prune_penalty(inputs(slot(seed()))) == 0.0
    ramped_down = slot(seed(SeedStage.BLENDING), after=seed(SeedStage.EMBARGOED))
    assert auto_prune_penalty(inputs(ramped_down)) == 0.0
    sitting = play(useful(5.0), grower(0, commit_after=None), CONFIG, epochs=40)
    assert sitting.sum("auto_prune_penalty") == -0.2


def test_what_the_last_epoch_pays() -> None:
    last = inputs(
        slot(None),
        epoch=100,
        val_acc=60.0,
        acc_delta=-2.0,
        committed_val_acc=55.0,
        fossilized_seed_params=50_000,
        num_contributing_fossilized=2,
    )
    assert terminal_delta(last) == pytest.approx(-0.1)
    assert final_accuracy_bonus(last) == pytest.approx(1.8)
    assert contributing_fossil_bonus(last) == 4.0
    assert sparse_score(last) == pytest.approx(0.54)
    assert sparse_score(replace(last, fossilized_seed_params=10**9)) == -1.0
    assert terminal_delta(replace(last, acc_delta=None)) == 0.0
    for term in (terminal_delta, final_accuracy_bonus, contributing_fossil_bonus, sparse_score):
        assert term(replace(last, epoch=99)) == 0.0
