"""Ranges and choices as they are written on the command line."""

from __future__ import annotations

import pytest

from esper.errors import ConfigError
from esper.history.presets import load_preset
from esper.sweep.space import Choice, Range, parse_space, split_space


def test_ranges_and_choices_are_told_from_fixed_values() -> None:
    texts = ["ppo.learning_rate=1e-4..1e-2:log", "fleet.envs=4", "reward.mode=shaped|sparse", 'run.sinks=["a|b..c"]']
    assert split_space(texts) == ((texts[0], texts[2]), (texts[1], texts[3]))


def test_a_range_is_whole_where_its_setting_is() -> None:
    base = load_preset("digits_impaired")
    assert parse_space(base, ["fleet.envs=4..16", "ppo.learning_rate=1e-4..1e-2:log", "ppo.clip_ratio=0.1|0.2"]) == (
        Range(key="fleet.envs", low=4.0, high=16.0, log=False, whole=True),
        Range(key="ppo.learning_rate", low=1e-4, high=1e-2, log=True, whole=False),
        Choice(key="ppo.clip_ratio", values=("0.1", "0.2")),
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], "nothing is to be searched"),
        (["ppo.learning_rate=1e-2..1e-4"], "lower end first"),
        (["ppo.entropy_coef=0..1:log"], "above 0"),
        (["ppo.learning_rat=1e-4..1e-2"], "learning_rate"),
        (["ppo.learning_rate=1e-4..1e9"], "ppo.learning_rate is"),
        (["ppo.learning_rate=1e-4.."], "is no range"),
        (["reward.mode=shaped..sparse"], "no number"),
        (["reward.mode=shaped|shapd"], "shapd"),
        (["ppo.clip_ratio=0.1|0.1"], "twice"),
        (["fleet.envs=1..2", "fleet.envs=3..4"], "searched twice"),
        (["fleet.envs=1.5..4"], "expected an integer"),
    ],
)
def test_mistakes_are_found_before_anything_runs(texts: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_space(load_preset("digits_impaired"), texts)
