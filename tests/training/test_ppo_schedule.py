from __future__ import annotations

import pytest

from esper.contracts.validation import ConfigError
from esper.training.config import PPOConfig, no_entropy_floors
from esper.training.ppo_schedule import (
    UpdateProgress,
    entropy_coefficient,
    entropy_floor_factor,
    value_coefficient,
)
from esper.training.skipped_updates import SkipCause, SkippedUpdatesError


def test_the_value_coefficient_grows_from_a_tenth() -> None:
    config = PPOConfig(value_coef=0.5, value_warmup_batches=10)
    assert [value_coefficient(config, n) for n in (0, 5, 10, 99)] == pytest.approx([0.05, 0.275, 0.5, 0.5])


def test_the_entropy_coefficient_goes_in_a_straight_line() -> None:
    config = PPOConfig(entropy_coef=0.15, entropy_coef_end=0.08, entropy_anneal_episodes=3000)
    found = [entropy_coefficient(config, n) for n in (0, 1500, 3000, 9000)]
    assert found == pytest.approx([0.15, 0.115, 0.08, 0.08])


def test_floor_penalties_start_strict_and_end_lenient() -> None:
    config = PPOConfig(entropy_floor_batches=100)
    found = [entropy_floor_factor(config, n) for n in (0, 24, 25, 74, 75, 99, 100, 500)]
    assert found == [1.5, 1.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("updates", [0, 1, 1000])
def test_by_default_nothing_changes_over_time(updates: int) -> None:
    config = PPOConfig()
    assert value_coefficient(config, updates) == config.value_coef
    assert entropy_coefficient(config, updates) == config.entropy_coef
    assert entropy_floor_factor(config, updates) == 1.0
    assert config.entropy_floors == no_entropy_floors()


def after(progress: UpdateProgress, *skips: SkipCause | None) -> UpdateProgress:
    for skipped in skips:
        progress = progress.after(episodes=8, decisions=200, skipped=skipped)
    return progress


def test_skipped_updates_count_as_updates() -> None:
    progress = after(UpdateProgress(), None, SkipCause.VALUES, None)
    assert (progress.updates, progress.episodes, progress.decisions, progress.skips) == (3, 24, 600, ())


def test_three_skipped_updates_in_a_row_stop_the_run_and_name_the_causes() -> None:
    progress = after(UpdateProgress(), SkipCause.RETURNS, SkipCause.RETURNS)
    progress.require_learning()
    with pytest.raises(SkippedUpdatesError, match="3 PPO updates in a row were skipped") as raised:
        after(progress, SkipCause.GRADIENT).require_learning()
    assert raised.value.causes == (SkipCause.RETURNS, SkipCause.RETURNS, SkipCause.GRADIENT)
    assert str(raised.value).count(SkipCause.RETURNS) == 1
    assert SkipCause.GRADIENT in str(raised.value)


def test_an_update_that_succeeds_forgives_the_skipped_ones() -> None:
    after(UpdateProgress(), SkipCause.VALUES, SkipCause.VALUES, None, SkipCause.VALUES).require_learning()


@pytest.mark.parametrize(
    ("field", "value"), [("value_warmup_batches", -1), ("entropy_anneal_episodes", -1), ("entropy_coef_end", -0.1)]
)
def test_impossible_schedules_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        PPOConfig(**{field: value})
