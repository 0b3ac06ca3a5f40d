"""Every setting explains itself and holds its range: one property over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.contracts.actions import PerHead
from esper.contracts.settings import Setting, SettingEntry, walk_settings
from esper.errors import ConfigError
from esper.growth.hosts.config import HostConfig
from esper.history.presets import load_preset, with_overrides, with_values
from esper.training.config import RunConfig, TrainingConfig
from esper.training.ppo.config import PPOConfig

EVERY = list(walk_settings(TrainingConfig()))
NUMBERS = [one for one in EVERY if "number" in one.kind]


def test_every_setting_has_a_sentence() -> None:
    for one in EVERY:
        meaning = one.declared.meaning
        assert meaning[0].isupper(), one.key
        assert meaning.endswith("."), one.key
        assert len(meaning.split()) >= 4, one.key


def test_every_number_has_a_finite_range_and_every_choice_its_words() -> None:
    assert len(EVERY) > 170
    for one in NUMBERS:
        low, high = one.declared.low, one.declared.high
        assert low is not None, one.key
        assert high is not None, one.key
        assert math.isfinite(low), one.key
        assert math.isfinite(high), one.key
        assert low < high, one.key
    for one in EVERY:
        if one.kind == "choice":
            assert len(one.choices) > 1, one.key


def test_defaults_and_presets_lie_in_their_ranges() -> None:
    from esper.history.presets import list_presets

    for preset in list_presets():
        for one in walk_settings(load_preset(preset.name)):
            values = one.default.in_order() if isinstance(one.default, PerHead) else (one.default,)
            assert all(one.declared.allows(value) for value in values if isinstance(value, int | float)), one.key


def change(key: str, value: object) -> TrainingConfig:
    """The configuration with one setting changed as Python code would change it, past every file format."""
    *tables, name = key.split(".")
    config: Any = TrainingConfig()
    path = [config]
    for table in tables:
        path.append(getattr(path[-1], table))
    if isinstance(getattr(path[-1], name), PerHead):
        value = PerHead.same(value)  # type: ignore[arg-type]
    elif isinstance(getattr(path[-1], name), tuple):
        value = (value,)
    changed = replace(path.pop(), **{name: value})
    for table in reversed(tables):
        changed = replace(path.pop(), **{table: changed})
    return changed


def refusal(key: str, value: object) -> str:
    """The words with which a value is refused; empty where it is accepted."""
    try:
        change(key, value)
    except ConfigError as error:
        return str(error)
    return ""


def outside(one: SettingEntry) -> Iterator[float]:
    """Values just beyond both ends."""
    declared = one.declared
    assert declared.low is not None
    assert declared.high is not None
    whole = "whole" in one.kind
    step = 1 if whole else 1e-9
    yield declared.low if declared.low_open else declared.low - step
    yield declared.high if declared.high_open else declared.high * (1 if whole else 1 + 1e-9) + step
    yield -(10**30) if whole else -1e30
    yield 10**30 if whole else 1e30


@pytest.mark.parametrize("one", NUMBERS, ids=lambda one: one.key)
def test_what_lies_outside_is_one_error_that_names_the_setting(one: SettingEntry) -> None:
    for bad in (*outside(one), math.nan, math.inf, -math.inf):
        with pytest.raises(ConfigError) as caught:
            change(one.key, bad)
        assert str(caught.value).startswith(one.key), (one.key, bad)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("one", NUMBERS, ids=lambda one: one.key)
def test_the_ends_of_a_range_belong_to_it_unless_they_are_open(one: SettingEntry) -> None:
    """Only a rule that binds two settings may refuse a closed end, and its words are not those of the range."""
    declared = one.declared
    for end, is_open in ((declared.low, declared.low_open), (declared.high, declared.high_open)):
        assert end is not None
        value = int(end) if "whole" in one.kind else float(end)
        assert (f"it must be {declared.range}" in refusal(one.key, value)) is is_open, (one.key, end)


@settings(max_examples=60, deadline=None)
@given(one=st.sampled_from(NUMBERS), value=st.floats() | st.integers() | st.text() | st.booleans() | st.none())
def test_no_value_gets_past_its_range(one: SettingEntry, value: object) -> None:
    try:
        config = change(one.key, value)
    except ConfigError:
        return
    (after,) = [item for item in walk_settings(config) if item.key == one.key]
    inside = after.default.in_order() if isinstance(after.default, PerHead) else (after.default,)
    for number in inside if not isinstance(inside[0], tuple) else inside[0]:
        assert isinstance(number, int | float)
        assert not isinstance(number, bool)
        assert one.declared.allows(number)


def test_numbers_of_numpy_and_torch_are_taken_as_what_they_are() -> None:
    config = with_values(TrainingConfig(), {"run.rounds": 3})
    run = replace(config.run, rounds=np.int64(4), seed=torch.tensor(7))
    assert (run.rounds, run.seed) == (4, 7)
    assert type(run.rounds) is type(run.seed) is int
    assert type(replace(config.fleet, learning_rate=np.float32(0.5)).learning_rate) is float
    assert replace(config.fleet, control_hosts=np.bool_(True)).control_hosts is True
    assert type(replace(config.run, preset=np.str_("mine")).preset) is str
    floors = replace(config.ppo, entropy_floors=PerHead.same(np.float32(0.5))).entropy_floors
    assert floors == PerHead.same(0.5)
    assert {type(floor) for floor in floors.in_order()} == {float}


def test_a_whole_number_given_for_a_number_becomes_one() -> None:
    rate = replace(TrainingConfig().fleet, learning_rate=1).learning_rate
    assert (rate, type(rate)) == (1.0, float)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (PPOConfig, {"learning_rate": torch.ones(2)}, r"ppo\.learning_rate is tensor.*: it must be a number"),
        (PPOConfig, {"learning_rate": torch.ones(99, 99)}, r"ppo\.learning_rate is tensor.*: it must be a number"),
        (PPOConfig, {"learning_rate": np.ones(1)}, r"ppo\.learning_rate is array.*: it must be a number"),
        (PPOConfig, {"learning_rate": np.float32}, r"ppo\.learning_rate is <class.*: it must be a number"),
        (PPOConfig, {"learning_rate": 10**5000}, "is a number of more than 60 digits: it must be above 0"),
        (RunConfig, {"rounds": -(10**5000)}, "is a number of more than 60 digits: it must be from 1"),
        (PPOConfig, {"entropy_floors": None}, r"ppo\.entropy_floors is None: it must be a PerHead, which holds"),
        (PPOConfig, {"entropy_floors": {"op": 0.5}}, r"ppo\.entropy_floors is \{.*: it must be a PerHead"),
        (HostConfig, {"slots": "r0c0"}, r"host\.slots is 'r0c0': it must be a list of text"),
        (HostConfig, {"slots": 5}, r"host\.slots is 5: it must be a list of text"),
        (HostConfig, {"slots": (5,)}, r"host\.slots is 5: it must be text"),
        (HostConfig, {"transformer": None}, r"host\.transformer is None: it must be a TransformerConfig"),
        (TrainingConfig, {"ppo": {"gamma": 0.9}}, r"^ppo is \{'gamma': 0\.9\}: it must be a PPOConfig"),
    ],
)
def test_values_that_are_no_setting_at_all_are_one_error(kind: Any, values: dict[str, object], message: str) -> None:
    """Pyright refuses these; a script or a notebook does not."""
    with pytest.raises(ConfigError, match=message) as caught:
        kind(**values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [True, "3", 2.0, None, [3]])
def test_another_type_is_not_coerced(value: object) -> None:
    with pytest.raises(ConfigError, match=r"run\.rounds is .*: it must be a whole number"):
        RunConfig(rounds=value)  # type: ignore[arg-type]


def test_the_message_says_value_range_unit_and_meaning() -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(rounds=0)
    assert str(caught.value) == (
        "run.rounds is 0: it must be from 1 to 1,000,000,000 rounds "
        "(the number of rounds, each one episode of every host and one update of the policy)"
    )


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Setting(meaning="", low=0, high=1), "from 0 to 1"),
        (Setting(meaning="", low=0, low_open=True, high=1), "above 0 and at most 1"),
        (Setting(meaning="", low=0, high=1, high_open=True), "at least 0 and below 1"),
        (Setting(meaning="", low=1, high=63, odd=True), "from 1 to 63 and odd"),
        (Setting(meaning=""), ""),
    ],
)
def test_ranges_in_words(declared: Setting, words: str) -> None:
    assert declared.range == words


def test_a_table_changes_only_what_it_names() -> None:
    preset = load_preset("digits_impaired")
    assert preset.host.kernel_size == 1
    changed = with_overrides(preset, ["host={blocks=2}"])
    assert changed == with_overrides(preset, ["host.blocks=2"])
    both = with_overrides(preset, ["ppo={entropy_floors={op=0.5}}"])
    assert both.ppo.entropy_floors == replace(preset.ppo.entropy_floors, op=0.5)
    assert both.ppo.learning_rate == preset.ppo.learning_rate


def test_a_governor_that_could_never_judge_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"governor\.min_samples is 10: it must be at most governor\.window \(5\)"):
        with_overrides(TrainingConfig(), ["governor.window=5"])
