from __future__ import annotations

import pytest

from esper.errors import ConfigError
from esper.training.ppo.config import PPOConfig, no_entropy_floors
from esper.training.ppo.schedule import UpdateProgress, entropy_coefficient, entropy_floor_factor, value_coefficient


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


def test_progress_adds_up() -> None:
    progress = UpdateProgress().after(episodes=8, decisions=200).after(episodes=8, decisions=190)
    assert progress == UpdateProgress(updates=2, episodes=16, decisions=390)


@pytest.mark.parametrize(
    ("field", "value"), [("value_warmup_batches", -1), ("entropy_anneal_episodes", -1), ("entropy_coef_end", -0.1)]
)
def test_impossible_schedules_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        PPOConfig(**{field: value})
