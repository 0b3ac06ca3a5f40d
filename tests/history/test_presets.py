from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from esper.errors import ConfigError
from esper.history import presets as settings
from esper.history.presets import (
    list_presets,
    load_preset,
    read_config_file,
    resolve_config,
    with_overrides,
    with_values,
)
from esper.history.run_directory import RunDirectory
from esper.training.config import TrainingConfig


def test_every_shipped_preset_loads_under_its_own_name() -> None:
    presets = list_presets()
    assert {"digits", "digits_impaired", "cifar_baseline"} <= {preset.name for preset in presets}
    for preset in presets:
        assert load_preset(preset.name).run.preset == preset.name
        assert preset.description


def test_impaired_hosts_live_as_those_of_digits_do() -> None:
    """Only the hosts are weaker; how long their controller learns, and explores, is another matter."""
    digits, impaired = load_preset("digits"), load_preset("digits_impaired")
    assert (impaired.host.base_channels, impaired.host.kernel_size) == (4, 1)
    alike = with_values(impaired, {"host.base_channels": 8, "host.kernel_size": 3, "fleet.envs": digits.fleet.envs})
    for table in ("task", "host", "growth", "fleet", "reward", "governor"):
        assert getattr(alike, table) == getattr(digits, table)


def test_the_dial_turns_impaired_hosts_into_hosts_that_differ_and_no_others_differ() -> None:
    dial, impaired = load_preset("digits_dial"), load_preset("digits_impaired")
    assert (dial.host, dial.growth, dial.fleet) == (impaired.host, impaired.growth, impaired.fleet)
    assert all((dial.variety.label_noise, dial.variety.data_share, dial.variety.size_price))
    assert [preset.name for preset in list_presets() if load_preset(preset.name).variety.draws] == ["digits_dial"]


@pytest.mark.parametrize("name", ["digits", "digits_impaired", "digits_dial", "digits_small", "text"])
def test_presets_measure_growth_against_control_hosts(name: str) -> None:
    assert load_preset(name).fleet.control_hosts


def test_unknown_preset_offers_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"there is no preset 'digit_impared': did you mean digits_impaired"):
        load_preset("digit_impared")
    with pytest.raises(
        ConfigError, match=r"choose cifar_baseline or .*digits or digits_dial or digits_impaired or digits_small"
    ):
        load_preset("qqq")


@pytest.mark.parametrize(
    ("override", "section", "name", "value"),
    [
        ("fleet.envs=3", "fleet", "envs", 3),
        (" fleet.envs = 3 ", "fleet", "envs", 3),
        ("ppo.learning_rate=1e-2", "ppo", "learning_rate", 0.01),
        ("ppo.learning_rate=1", "ppo", "learning_rate", 1.0),
        ("task.noise=1e1", "task", "noise", 10.0),
        ("growth.permissive_gates=false", "growth", "permissive_gates", False),
        ("run.preset=my-own", "run", "preset", "my-own"),
        ('run.preset="a=b"', "run", "preset", "a=b"),
        ("run.preset=a=b", "run", "preset", "a=b"),
        ("ppo.horizon=terminate", "ppo", "horizon", "terminate"),
        ('host.slots=["r0c1"]', "host", "slots", ("r0c1",)),
    ],
)
def test_override_sets_one_value(override: str, section: str, name: str, value: object) -> None:
    config = with_overrides(TrainingConfig(), [override])
    changed = getattr(getattr(config, section), name)
    assert changed == value
    assert type(changed) is type(value)


@pytest.mark.parametrize("override", ["ppo.entropy_floors.op=0.5", "ppo={entropy_floors={op=0.5}}"])
def test_one_head_of_a_table_that_the_preset_leaves_at_its_defaults_can_be_changed(override: str) -> None:
    preset = load_preset("digits")
    changed = resolve_config("digits", overrides=[override])
    floors = replace(preset.ppo.entropy_floors, op=0.5)
    assert changed == replace(preset, ppo=replace(preset.ppo, entropy_floors=floors))


def test_a_preset_file_may_name_some_heads_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('description = "x"\n[ppo.entropy_floors]\nop = 0.5\n')
    monkeypatch.setattr(settings, "presets_directory", lambda: tmp_path)
    assert load_preset("mine").ppo.entropy_floors == replace(TrainingConfig().ppo.entropy_floors, op=0.5)


def test_overrides_take_effect_together_and_options_win() -> None:
    config = resolve_config(
        "digits", overrides=["ppo.gamma=0.9", "reward.gamma=0.9", "run.rounds=4"], values={"run.rounds": 2}
    )
    assert (config.ppo.gamma, config.reward.gamma, config.run.rounds) == (0.9, 0.9, 2)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fleet.envs", "override 'fleet.envs' is not of the form table.key=value"),
        ("fleet..envs=1", "is not of the form table.key=value"),
        ("=1", "is not of the form table.key=value"),
        ("fleet.envz=1", r"fleet.envz does not exist: did you mean fleet.envs\?"),
        ("flet.envs=1", r"flet does not exist: did you mean fleet\?"),
        ("envs=1", r"envs does not exist: choose run, task, host"),
        ("fleet.envs.count=1", "fleet.envs.count does not exist: fleet.envs is a value, not a table"),
        ("fleet=1", "fleet is 1: expected a table"),
        ("fleet.envs=many", "fleet.envs is 'many': expected an integer"),
        ("fleet.envs=1.5", "fleet.envs is 1.5: expected an integer"),
        ("fleet.envs=0", "fleet.envs is 0: it must be from 1 to 65,536 hosts"),
        ("fleet.envs=1\nrounds = 3", "fleet.envs is .*: expected an integer"),
        ("ppo.gamma=0.9", "set both to the same value"),
    ],
)
def test_wrong_override_is_explained(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_config("digits", overrides=[override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description = 3\n", "has no description"),
        ("[run]\nrounds = 1\n", "has no description"),
        ("description = \n", "cannot be read"),
        ('description = "x"\n[fleet]\nenvz = 3\n', r"broken\.toml: fleet\.envz does not exist"),
    ],
)
def test_wrong_preset_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    (tmp_path / "broken.toml").write_text(text)
    monkeypatch.setattr(settings, "presets_directory", lambda: tmp_path)
    with pytest.raises(ConfigError, match=message):
        load_preset("broken")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own presets."""
    monkeypatch.setattr(settings, "own_presets_directory", lambda: tmp_path)
    return tmp_path


def test_presets_of_ones_own_stand_beside_the_others(own: Path) -> None:
    (own / "mine.toml").write_text('description = "for me"\n[fleet]\nenvs = 3\n')
    assert [one.description for one in list_presets() if one.name == "mine"] == ["for me"]
    config = load_preset("mine")
    assert (config.fleet.envs, config.run.preset) == (3, "mine")


def test_a_preset_of_ones_own_takes_no_name_of_ours(own: Path) -> None:
    (own / "digits.toml").write_text('description = "for me"\n')
    with pytest.raises(ConfigError, match=r"digits\.toml has the name of a preset that comes with Esper"):
        list_presets()


def test_a_file_is_a_starting_point(tmp_path: Path) -> None:
    path = tmp_path / "half.toml"
    path.write_text("[fleet]\nenvs = 3\n")
    config = read_config_file(path)
    assert config == with_values(TrainingConfig(), {"fleet.envs": 3, "run.preset": "half"})


def test_the_settings_of_a_run_are_a_starting_point(trained: tuple[Path, object]) -> None:
    assert read_config_file(trained[0] / "config.toml") == RunDirectory.open(trained[0]).load_config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fleet]\nenvz = 3", "fleet.envz does not exist: did you mean fleet.envs"),
        ("[fleet", "cannot be read"),
        ("run = 3", "run is 3: expected a table"),
        ("[groups.A]", "several policy groups"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_config_file(path)
    assert str(path) in str(caught.value)
