"""What a run has recorded stays, whatever ends the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest
from short_runs import short_config

import esper
from esper.cli.console import headless
from esper.errors import ConfigError
from esper.history import read_events, read_history
from esper.history.recording import Recording
from esper.telemetry.events import RunEnd, TrainingEnded
from esper.telemetry.sinks import register_sink
from esper.training.config import TrainingConfig
from esper.training.controllers import register_controller
from esper.training.vectorized_types import BatchSummary

CONFIG = short_config("run.rounds=3", "run.checkpoint_interval=1")


def refuse(_: BatchSummary) -> None:
    raise ConfigError("a plug-in refuses what it is given")


def assert_one_round_is_kept(folder: Path) -> None:
    (run,) = folder.iterdir()
    ended = read_events(run)[-1].payload
    assert isinstance(ended, TrainingEnded)
    assert ended.end is RunEnd.FAILED
    assert [summary.batch for summary in read_history(run)] == [1]


def test_a_refusal_in_mid_run_takes_nothing_with_it_in_python(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a plug-in refuses"):
        esper.train(CONFIG, out=tmp_path, on_round=refuse)
    assert_one_round_is_kept(tmp_path)


def test_a_refusal_in_mid_run_takes_nothing_with_it_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = headless.train_recorded

    def refusing(groups: object, recording: Recording, *others: object, **more: object) -> object:
        def on_summary(summary: BatchSummary) -> None:
            recording.on_summary(summary)
            refuse(summary)

        return train(groups, replace(recording, on_summary=on_summary), *others, **more)

    monkeypatch.setattr(headless, "train_recorded", refusing)
    with pytest.raises(ConfigError, match="a plug-in refuses"):
        headless.train_headless(CONFIG, tmp_path)
    assert_one_round_is_kept(tmp_path)


@pytest.mark.parametrize(
    "train",
    [lambda config, folder: esper.train(config, out=folder), headless.train_headless],
    ids=["python", "command"],
)
def test_a_run_in_which_nothing_was_written_leaves_no_folder(
    tmp_path: Path, train: Callable[[TrainingConfig, Path], object]
) -> None:
    impossible = short_config("host.blocks=4", "fleet.batch_size=1", "run.rounds=1", "fleet.steps_per_epoch=1")
    with pytest.raises(ConfigError, match=r"fleet\.batch_size is 1"):
        train(impossible, tmp_path)
    assert list(tmp_path.iterdir()) == []


def refuse_to_be_made(*_: object) -> Never:
    raise RuntimeError("no server\nanswers")


@pytest.mark.usefixtures("own_registry")
@pytest.mark.parametrize("setting", ["run.sinks=['mine']", "controller.name=mine"])
def test_a_part_that_cannot_be_made_is_one_line_and_leaves_no_folder(tmp_path: Path, setting: str) -> None:
    register_sink("mine", "never works", refuse_to_be_made)
    register_controller("mine", "never works", refuse_to_be_made)
    said = r"^the (sink|controller) mine cannot be made: RuntimeError: no server answers \(test_kept_folders\.py, line"
    with pytest.raises(ConfigError, match=said):
        esper.train(short_config(setting), out=tmp_path)
    assert list(tmp_path.iterdir()) == []
