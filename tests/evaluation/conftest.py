from __future__ import annotations

from pathlib import Path

import pytest

from esper.evaluation.evaluate import Evaluation, RunDone
from esper.evaluation.plan import make_plan
from esper.evaluation.players import OneByOne
from esper.evaluation.records import ControllerResult
from esper.history.presets import load_preset, with_overrides
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl

SHORT = (
    "run.threads=1",
    "fleet.envs=2",
    "fleet.episode_length=12",
    "growth.min_training_epochs=1",
    "controller.schedule.germinate_epochs=[1]",
)


@pytest.fixture(scope="session")
def short() -> TrainingConfig:
    """Two hosts for twelve epochs: long enough for one planned seed to be kept."""
    return with_overrides(load_preset("digits_impaired"), SHORT)


@pytest.fixture(scope="session")
def evaluated(
    short: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[tuple[ControllerResult, ...], list[RunDone]]:
    """What became of schedule and random over two seeds, and what was told on the way."""
    told: list[RunDone] = []
    plan = make_plan(short, ["schedule", "random"], seeds=2)
    folder: Path = tmp_path_factory.mktemp("evaluation")
    return Evaluation(plan, folder, player=OneByOne(RunControl()), on_run=told.append).run(), told
