"""The digest of a run says which run it is: settings that decide what is computed, and no others."""

from __future__ import annotations

from esper.history.codec import config_from_mapping
from esper.history.group_settings import resolve_groups
from esper.history.identity import CHANGEABLE, run_digest
from esper.history.presets import with_values
from esper.training.config import TrainingConfig

OTHER = {
    "run.rounds": 99,
    "run.threads": 3,
    "run.device": "cuda",
    "run.devices": ["cpu", "cpu"],
    "run.checkpoint_interval": 1,
    "run.keep_checkpoints": 1,
    "run.keep_hosts": "none",
    "run.plugins": ["esper.errors"],
    "run.sinks": ["csv"],
}


def test_what_may_change_does_not_count() -> None:
    assert set(OTHER) == set(CHANGEABLE)
    config = TrainingConfig()
    for key, value in OTHER.items():
        assert run_digest(with_values(config, {key: value})) == run_digest(config), key


def test_everything_else_counts() -> None:
    config = TrainingConfig()
    assert run_digest(config) == run_digest(config_from_mapping({"ppo": {"learning_rate": 3e-4}}))
    assert run_digest(config) != run_digest(config_from_mapping({"ppo": {"learning_rate": 1}}))
    assert run_digest(config) != run_digest(config, resolve_groups(config, {"A": ["ppo.clip_ratio=0.1"], "B": []}))


def test_an_integer_for_a_number_is_the_same_setting() -> None:
    integer, number = ({"ppo": {"value_coef": value}} for value in (1, 1.0))
    assert run_digest(config_from_mapping(integer)) == run_digest(config_from_mapping(number))
