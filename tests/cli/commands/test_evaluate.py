from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from esper.cli import main
from esper.evaluation import players
from esper.evaluation.runs import EvaluationRun, run_once
from esper.history import read_events
from esper.history.presets import load_preset, with_overrides
from esper.history.recording import open_recording
from esper.telemetry.events import EventKind, LastAction
from esper.telemetry.hub import Sink
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import ControllerFactory
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

Here = Callable[..., tuple[object, str, str]]
SHORT = ("--envs", "2", "--episode-length", "6", "--threads", "1")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Here:
    """Runs `esper evaluate ...` in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["esper", "evaluate", "--runs-dir", str(tmp_path / "runs"), *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capfd.readouterr()

    return run


def test_json_is_one_object_per_line_and_progress_goes_to_stderr(here: Here, tmp_path: Path) -> None:
    csv, plot = tmp_path / "figures.csv", tmp_path / "figures.svg"
    code, out, err = here(
        *SHORT, "--controllers", "static,random", "--seeds", "1", "--json", "--csv", str(csv), "--plot", str(plot)
    )
    assert code == 0
    documents = [json.loads(line) for line in out.splitlines()]
    assert [document["controller"] for document in documents] == ["static", "random"]
    assert "run 1/2  static seed 42" in err
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"runs and results: {folder}" in err
    assert (folder / "results.jsonl").read_text() == out
    assert len(csv.read_text().splitlines()) == 3
    assert plot.read_text().startswith("<?xml")


def test_without_json_there_are_tables(here: Here) -> None:
    code, out, _ = here(*SHORT, "--controllers", "static", "--seeds", "1")
    assert code == 0
    assert "digits_impaired: 1 seeds, 2 episodes of 6 epochs each" in out
    assert "static" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--controllers", "static,hill"), "hillclimb"),
        (("--preset", "text", "--controllers", "ppo"), "--checkpoint"),
        (("--seeds", "0"), "number of seeds"),
        (("--preset", "digit_impaired"), "did you mean digits_impaired"),
        (("--csv", "no/such/folder/x.csv"), "cannot be written"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    here: Here, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = here(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_ppo_plays_what_a_run_has_learned_and_learns_nothing(here: Here, tmp_path: Path) -> None:
    config = with_overrides(
        load_preset("digits_impaired"),
        ["run.rounds=1", "fleet.envs=2", "fleet.episode_length=6", "policy.hidden_size=16"],
    )
    with open_recording(config, tmp_path / "taught") as recording:
        train_ppo_vectorized(
            config, RunHooks(hub=recording.hub, on_summary=recording.on_summary, on_checkpoint=recording.on_checkpoint)
        )
    taught = str(recording.directory.path)
    arguments = (*SHORT, "--controllers", "ppo", "--seeds", "1", "--json", "--checkpoint", taught)
    code, out, _ = here(*arguments)
    assert code == 0
    (_, ppo) = [json.loads(line) for line in out.splitlines()]
    assert ppo["controller"] == "ppo"
    (run,) = ppo["runs"]
    events = read_events(Path(run))
    assert EventKind.PPO_UPDATE_COMPLETED not in {event.kind for event in events}
    values = [event.payload.value_estimate for event in events if isinstance(event.payload, LastAction)]
    assert len(values) == 12
    assert None not in values


def test_a_checkpoint_that_is_none_is_one_line(here: Here, tmp_path: Path) -> None:
    code, _, err = here("--controllers", "ppo", "--checkpoint", str(tmp_path))
    assert (code, err.count("\n")) == (2, 1)


def test_ctrl_c_ends_in_order(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(
        config: TrainingConfig, folder: Path, *, make: ControllerFactory, control: RunControl, sinks: Sequence[Sink]
    ) -> EvaluationRun:
        os.kill(os.getpid(), signal.SIGINT)
        return run_once(config, folder, make=make, control=control, sinks=sinks)

    monkeypatch.setattr(players, "run_once", interrupted)
    code, out, err = here(*SHORT, "--seeds", "1")
    assert (code, out) == (130, "")
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"stopped: what was recorded until now is in {folder}" in err
    assert "Traceback" not in err
