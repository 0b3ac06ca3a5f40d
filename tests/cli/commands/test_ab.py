"""esper ab, from the command line to its summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from esper.checkpoints import load_policy
from esper.cli import main
from esper.cli.console.ab_report import print_comparison
from esper.history import RunDirectory, open_recording, read_events, read_history
from esper.history.checkpoint_files import open_checkpoint
from esper.telemetry.events import EventKind
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

Here = Callable[..., tuple[object, str, str]]
SHORT = ("--rounds", "2", "--envs", "2", "--episode-length", "4", "--threads", "1", "--set", "policy.hidden_size=16")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs `esper ...` in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["esper", *arguments])
        monkeypatch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_two_groups_train_and_end_with_a_paired_summary(here: Here, tmp_path: Path) -> None:
    code, out, err = here(
        *("ab", "--preset", "digits", "--a", "ppo.learning_rate=1e-3", "--b", "ppo.learning_rate=1e-2"),
        *("--b", "reward.clip=2.0", *SHORT, "--no-tui", "--runs-dir", str(tmp_path)),
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    (path,) = tmp_path.iterdir()
    assert lines[-1] == str(path)
    assert sum(line.startswith(("A  round", "B  round")) for line in lines) == 4
    assert "B against A: 2 paired envs, 2 rounds" in out
    assert "B: ppo.learning_rate=0.01  reward.clip=2.0" in out or "B: reward.clip=2.0  ppo.learning_rate=0.01" in out
    assert "The groups' rewards are computed differently" in out
    for label in ("val accuracy, %", "test accuracy, %", "reward", "parameters", "fossilised seeds", "pruned seeds"):
        assert sum(line.strip().startswith(f"{label}  ") for line in lines) == 2
    assert "…" not in out
    assert [(item.batch, item.group_id) for item in read_history(path)] == [(1, "A"), (1, "B"), (2, "A"), (2, "B")]
    groups = {event.group_id for event in read_events(path) if event.kind is EventKind.LAST_ACTION}
    assert groups == {"A", "B"}
    assert [spec.config.reward.clip for spec in RunDirectory.open(path).load_groups()] == [10.0, 2.0]
    assert [group.group_id for group in open_checkpoint(path).manifest.groups] == ["A", "B"]
    code, out, _ = here("replay", str(path), "--no-tui")
    assert code == 0
    assert "ppo in group A (envs 0 to 1)" in out
    assert "ppo in group B (envs 2 to 3)" in out
    assert "The run finished after 2 rounds" in out


def test_equal_settings_give_equal_groups_and_json_alone_on_stdout(here: Here, tmp_path: Path) -> None:
    arguments = (*SHORT, "--json", "--runs-dir", str(tmp_path), "--sink", "csv")
    code, out, err = here("ab", "--preset", "digits_impaired", *arguments)
    assert list(tmp_path.glob("*/metrics.csv"))
    assert code == 0
    document = json.loads(out)
    (path,) = tmp_path.iterdir()
    assert document["run"] == str(path)
    assert err.splitlines()[-1] == str(path)
    assert document["groups"] == {"A": {}, "B": {}}
    assert (document["rounds"], document["envs"], document["confidence"]) == (2, 2, 0.95)
    assert len(document["measures"]) == 12
    for row in document["measures"]:
        assert row["pairs"] == 2
        assert row["A"] == row["B"]
        assert row["difference"] == row["low"] == row["high"] == 0.0
    first, second = ([s for s in read_history(path) if s.group_id == name] for name in "AB")
    for one, other in zip(first, second, strict=True):
        assert one.without_timings().ppo_metrics == other.without_timings().ppo_metrics
        assert one.reward_summary == other.reward_summary
        assert [record.final_accuracy for record in one.episode_history] == [
            record.final_accuracy for record in other.episode_history
        ]


def test_reward_modes_and_controllers_can_differ(here: Here, tmp_path: Path) -> None:
    code, _, err = here(
        *("ab", "--a", "reward.mode=simplified", "--b", "controller.name=heuristic", *SHORT, "--json"),
        *("--runs-dir", str(tmp_path)),
    )
    assert code == 0, err
    (path,) = tmp_path.iterdir()
    modes = {s.group_id: s.episode_history[0].outcome.reward_mode for s in read_history(path)}
    assert modes == {"A": "simplified", "B": "shaped"}
    assert {s.group_id: s.ppo_metrics is None for s in read_history(path)} == {"A": False, "B": True}
    assert load_policy(path).config.reward.mode == "simplified"  # the only policy of the two
    groups = [(group.controller, group.learns) for group in open_checkpoint(path).manifest.groups]
    assert groups == [("ppo", True), ("heuristic", False)]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("fleet.envs=4", "esper: error: group A: fleet.envs cannot differ between groups"),
        ("controller.name=heuristc", "esper: error: controller.name is 'heuristc': there is no such controller"),
        ("rewards.mode=shaped", "esper: error: group A: rewards does not exist: did you mean reward?"),
    ],
)
def test_a_key_that_cannot_differ_is_one_line_and_leaves_nothing(
    here: Here, tmp_path: Path, override: str, said: str
) -> None:
    code, out, err = here("ab", "--a", override, "--no-tui", "--runs-dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_the_cockpit_gets_the_groups_and_the_report(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from esper_tui import session as cockpit

    calls: list[tuple[TrainingConfig, Sequence[GroupSpec]]] = []

    def open_cockpit(
        config: TrainingConfig, runs_dir: Path, *, groups: Sequence[GroupSpec], report: Callable[[Path], None]
    ) -> int:
        calls.append((config, groups))
        with open_recording(config, runs_dir, groups=groups) as recording:
            pass
        report(recording.directory.path)
        return 0

    monkeypatch.setattr(cockpit, "train", open_cockpit)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    code, out, err = here("ab", "--b", "ppo.clip_ratio=0.1", "--runs-dir", str(tmp_path))
    ((_, groups),) = calls
    assert (code, out) == (0, "")
    assert err == "esper: no round was completed, so there is nothing to compare\n"
    assert [spec.config.ppo.clip_ratio for spec in groups] == [0.2, 0.1]


def test_a_single_env_has_no_deviation_and_no_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], here: Here
) -> None:
    code, out, _ = here(
        *("ab", "--rounds", "1", "--envs", "1", "--episode-length", "2", "--threads", "1", "--json"),
        *("--runs-dir", str(tmp_path)),
    )
    assert code == 0
    row = json.loads(out)["measures"][0]
    assert (row["pairs"], row["A"]["std"], row["low"], row["high"]) == (1, None, None, None)
    (path,) = tmp_path.iterdir()
    print_comparison(path, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip().startswith("val accuracy, %") and line.split()[-1] == "--" for line in lines)
