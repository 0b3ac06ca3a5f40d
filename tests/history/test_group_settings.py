from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from esper.errors import ConfigError
from esper.history import RunDirectory, open_events, open_recording
from esper.history.group_settings import changed_keys, group_changes, resolve_groups
from esper.history.identity import run_digest
from esper.history.presets import load_preset
from esper.history.settings_file import write_settings
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

CONFIG = load_preset("digits")


def test_groups_share_the_configuration_except_for_their_own_overrides() -> None:
    first, second = resolve_groups(
        CONFIG, {"A": ["reward.clip=5.0"], "B": ["ppo.entropy_weights.op=2.0", "ppo.clip_ratio=0.1"]}
    )
    assert (first.group_id, second.group_id) == ("A", "B")
    assert group_changes(CONFIG, first) == {"reward": {"clip": 5.0}}
    assert dict(changed_keys(group_changes(CONFIG, second))) == {"ppo.clip_ratio": 0.1, "ppo.entropy_weights.op": 2.0}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("fleet.envs=4", r"group B: fleet\.envs cannot differ between groups.*: set it for both with --set"),
        ("run.rounds=4", r"group B: run\.rounds cannot differ"),
        ("rewards.mode=shaped", r"group B: rewards does not exist: did you mean reward\?"),
        ("ppo.clip=1", r"group B: ppo\.clip does not exist"),
        ("ppo.clip_ratio=-1.0", r"group B: ppo\.clip_ratio is -1\.0: it must be above 0"),
        ("ppo.gamma=0.5", r"group B: reward\.gamma is .* and ppo\.gamma is 0\.5"),
        ("ppo.clip_ratio", r"group B: override 'ppo\.clip_ratio' is not of the form"),
    ],
)
def test_a_wrong_override_names_its_group_and_the_remedy(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve_groups(CONFIG, {"A": [], "B": [override]})


def test_a_run_directory_keeps_what_is_common_and_what_differs(tmp_path: Path) -> None:
    groups = resolve_groups(CONFIG, {"A": [], "B": ["reward.clip=5.0", "policy.hidden_size=32"]})
    with open_recording(CONFIG, tmp_path, groups=groups) as recording:
        pass
    directory = RunDirectory.open(recording.directory.path)
    assert directory.load_config() == CONFIG
    assert directory.load_groups() == groups
    tables = tomllib.loads(directory.config_path.read_text())
    assert tables["groups"] == {"A": {}, "B": {"reward": {"clip": 5.0}, "policy": {"hidden_size": 32}}}


def test_a_run_of_one_group_keeps_no_table_of_groups(tmp_path: Path) -> None:
    with open_recording(CONFIG, tmp_path) as recording:
        pass
    directory = RunDirectory.open(recording.directory.path)
    assert "groups" not in tomllib.loads(directory.config_path.read_text())
    assert directory.load_groups() == (GroupSpec(config=CONFIG),)


def digest(tmp_path: Path, groups: tuple[GroupSpec, ...]) -> str:
    with open_recording(CONFIG, tmp_path, groups=groups) as recording:
        pass
    reader = open_events(recording.directory.path)
    assert list(reader.lines()) == []
    return reader.header.config_digest


def test_the_digest_covers_the_differences(tmp_path: Path) -> None:
    plain = digest(tmp_path, ())
    assert plain == run_digest(CONFIG)
    one = digest(tmp_path, resolve_groups(CONFIG, {"A": [], "B": ["reward.clip=5.0"]}))
    other = digest(tmp_path, resolve_groups(CONFIG, {"A": [], "B": ["reward.clip=6.0"]}))
    assert len({plain, one, other}) == 3


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("groups = 3", "groups is 3: expected one table per group"),
        ("[groups.A.ppo]\nclips = 1", "ppo.clips does not exist"),
        ("[groups]\nA = 3", "group A is 3: expected a table"),
    ],
)
def test_a_damaged_table_of_groups_is_refused(tmp_path: Path, table: str, said: str) -> None:
    with open_recording(TrainingConfig(), tmp_path) as recording:
        directory = recording.directory
    document = tomllib.loads(directory.config_path.read_text())
    write_settings(directory.config_path, document | tomllib.loads(table))
    with pytest.raises(ConfigError, match=said):
        directory.load_groups()
