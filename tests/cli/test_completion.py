"""The shell offers the values that an option may have, and the environment names folder and device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from esper.cli import completion
from esper.contracts.constants import AGENT_NAME
from esper.evaluation.plan import BASELINES
from esper.history.run_directory import RunDirectory


def offered(*words: str, **environment: str) -> list[str]:
    """What bash is offered for the last word."""
    asked = {"_ESPER_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(("esper", *words))}
    done = subprocess.run(
        [sys.executable, "-c", "from esper.cli.main import app; app(prog_name='esper')"],
        env=os.environ | asked | {"COMP_CWORD": str(len(words))} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.split()


def train_from(config: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "esper", "train", "--no-tui", "--config", str(config), "--rounds", "1"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shell_offers_presets() -> None:
    assert offered("train", "--preset", "digits") == ["digits", "digits_dial", "digits_impaired", "digits_small"]


def test_settings_are_offered_and_after_the_equals_sign_their_choices() -> None:
    assert [value for value, _ in completion.settings("ppo.learning")] == ["ppo.learning_rate="]
    assert [value for value, _ in completion.settings("run.keep_hosts=b")] == ["run.keep_hosts=best"]


def test_every_controller_of_ours_is_offered() -> None:
    assert completion.controllers("") == [AGENT_NAME, *BASELINES]
    assert completion.controllers("h") == ["heuristic", "hillclimb"]


def test_run_folders_are_offered_from_the_folder_that_the_environment_names(trained: tuple[Path, object]) -> None:
    run = trained[0]
    assert offered("replay", f"{run.parent}/", ESPER_RUNS=str(run.parent)) == [str(run)]
    assert offered("replay", str(run.parent / "no"), ESPER_RUNS=str(run.parent)) == []


def test_the_environment_names_the_folder_and_the_device_of_runs(trained: tuple[Path, object], tmp_path: Path) -> None:
    config = trained[0] / "config.toml"
    done = train_from(config, ESPER_RUNS=str(tmp_path), ESPER_DEVICE="abacus")
    assert (done.returncode, "run.device is 'abacus'" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
    done = train_from(config, ESPER_RUNS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.iterdir()
    assert RunDirectory.open(run).load_config().run.rounds == 1
