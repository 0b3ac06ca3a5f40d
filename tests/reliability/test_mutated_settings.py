"""Settings as people mistype them and as disks damage them: a config, or one line that says what is wrong."""

from __future__ import annotations

import random
import tomllib

import pytest
from fuzzing import assert_said_well, cases, damage

from esper.errors import ConfigError
from esper.history.codec import config_from_mapping, config_to_mapping
from esper.history.group_settings import run_from_document
from esper.history.presets import load_preset, presets_directory, with_overrides
from esper.training.config import TrainingConfig

VALUES = (
    *("0", "-1", "1", "1.5", "1e6", "1e999", "nan", "inf", "-inf", "1e-320", "999999999999", "9" * 5000, "0x10", "1_0"),
    *(
        "true",
        "off",
        "auto",
        "cuda:99",
        "../..",
        "ppo",
        "best",
        '""',
        "''",
        "x" * 5000,
        "\x00",
        "\ud800",
        "a\nb",
        "=",
        "#",
    ),
    *("[]", "[1", '["r0c0"]', "[" * 2000, "{}", "{a=1}", "10**30", "2026-01-01"),
)
CONFIG = load_preset("digits_impaired")
KEYS = [f"{table}.{name}" for table, values in config_to_mapping(CONFIG).items() for name in values]  # type: ignore[attr-defined]
PRESETS = sorted(presets_directory().glob("*.toml"))


def assert_is_a_config(config: TrainingConfig) -> None:
    """It is written and read again as what it is."""
    assert repr(config_from_mapping(config_to_mapping(config))) == repr(config)


def override(stream: random.Random) -> str:
    key = stream.choice(KEYS)
    if stream.random() < 0.2:
        place = stream.randrange(len(key))
        key = key[:place] + stream.choice(("", ".", " ", "x", "é", "=")) + key[place + 1 :]
    return f"{key}{stream.choice(('=', '=', '=', '', ' = ', '=='))}{stream.choice(VALUES)}"


def test_any_text_after_set_is_a_setting_or_an_error() -> None:
    accepted = 0
    for stream in cases("set", 500):
        try:
            config = with_overrides(CONFIG, [override(stream) for _ in range(stream.choice((1, 1, 2)))])
        except ConfigError as error:
            assert_said_well(error)
        else:
            accepted += 1
            assert_is_a_config(config)
    assert accepted > 10


@pytest.mark.parametrize("preset", [path.stem for path in PRESETS[:2]])
def test_a_damaged_file_of_settings_is_a_config_or_an_error(preset: str) -> None:
    content = next(path for path in PRESETS if path.stem == preset).read_bytes()
    for stream in cases(f"toml {preset}", 60):
        try:
            document = tomllib.loads(damage(content, stream).decode())
        except ValueError:  # not TOML, or not text: what reads the file says so
            continue
        try:
            config, _ = run_from_document({key: value for key, value in document.items() if key != "description"})
        except ConfigError as error:
            assert_said_well(error)
        else:
            assert_is_a_config(config)
