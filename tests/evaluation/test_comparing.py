"""Runs side by side: what becomes one band, where they are compared, and what a row says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_events import STARTED

from esper.errors import ConfigError
from esper.evaluation.comparing import Comparison, Measure, compare_runs
from esper.evaluation.comparison_picture import draw_comparison
from esper.evaluation.intervals import student_interval
from esper.history import open_recording
from esper.history.presets import with_overrides
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Makes a run of 2 envs and episodes of 5 epochs with these accuracies, one per round."""

    def made(*accuracies: float, seed: int = 1, settings: tuple[str, ...] = (), envs: int = 2) -> Path:
        from dataclasses import replace

        config = with_overrides(TrainingConfig(), [f"run.seed={seed}", f"fleet.envs={envs}", *settings])
        with open_recording(config, tmp_path) as recording:
            recording.hub.emit(replace(STARTED, seed=seed, n_envs=envs, max_epochs=5, preset=config.run.preset))
            for batch, accuracy in enumerate(accuracies, start=1):
                recording.on_summary(
                    BatchSummary(
                        batch=batch,
                        episodes=envs * batch,
                        avg_accuracy=accuracy,
                        rolling_avg_accuracy=accuracy,
                        avg_test_accuracy=None,
                        avg_reward=-accuracy,
                        ppo_metrics=None,
                        reward_summary=(),
                        episode_history=(),
                        timings=None,
                        group_id="default",
                    )
                )
        return recording.directory.path

    return made


def rows(comparison: Comparison) -> dict[str, list[tuple[int, float | None, int]]]:
    return {
        band.label: [(point.env_epochs, point.mean, point.runs) for point in band.points] for band in comparison.bands
    }


def test_runs_that_differ_only_in_their_seed_are_one_band(record: Callable[..., Path]) -> None:
    runs = [record(10.0, 30.0, seed=1), record(20.0, 50.0, seed=2)]
    comparison = compare_runs(runs, Measure.ACCURACY, points=10)
    (band,) = comparison.bands
    assert [(point.env_epochs, point.mean, point.runs) for point in band.points] == [(10, 15.0, 2), (20, 40.0, 2)]
    assert band.points[1].interval == student_interval([30.0, 50.0])


def test_other_settings_are_other_bands_which_their_labels_tell_apart(record: Callable[..., Path]) -> None:
    runs = [record(10.0), record(20.0, settings=("ppo.clip_ratio=0.3",)), record(30.0, settings=("run.rounds=7",))]
    comparison = compare_runs(runs, Measure.ACCURACY, points=10)
    found = rows(comparison)
    assert set(found) == {"ppo.clip_ratio=0.2", "ppo.clip_ratio=0.3"}
    assert comparison.bands[1].points[0].interval is None
    assert comparison.left_out == (f"{runs[2]} has the settings and the seed of {runs[0]}.",)


def test_fleets_of_other_sizes_are_compared_at_equal_cost(record: Callable[..., Path]) -> None:
    """Up to where the shortest has come; a round counts once it is complete."""
    small, large = record(10.0, 20.0, 30.0, 40.0, 50.0), record(60.0, 70.0, envs=4)
    found = rows(compare_runs([small, large], Measure.ACCURACY, points=10))
    assert found["fleet.envs=2"] == [(10, 10.0, 1), (20, 20.0, 1), (30, 30.0, 1), (40, 40.0, 1)]
    assert found["fleet.envs=4"] == [(10, None, 0), (20, 60.0, 1), (30, 60.0, 1), (40, 70.0, 1)]
    few = rows(compare_runs([small, large], Measure.ACCURACY, points=2))
    assert [place for place, _, _ in few["fleet.envs=2"]] == [20, 40]


def test_the_measure_can_be_another_one(record: Callable[..., Path]) -> None:
    run = record(10.0)
    assert list(rows(compare_runs([run], Measure.RETURN, points=1)).values()) == [[(10, -10.0, 1)]]
    with pytest.raises(ConfigError, match=r"nothing to compare: .* has no complete round with a figure for test"):
        compare_runs([run], Measure.TEST, points=1)


def test_a_picture_names_every_band(record: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    runs = [record(10.0), record(20.0, seed=2), record(30.0, settings=("ppo.clip_ratio=0.3",))]
    draw_comparison(compare_runs(runs, Measure.ACCURACY, points=10), tmp_path / "bands.svg")
    drawn = (tmp_path / "bands.svg").read_text(encoding="utf-8")
    assert "ppo.clip_ratio=0.2 (2 seeds)" in drawn
    assert "ppo.clip_ratio=0.3 (1 seed)" in drawn


def test_the_command_prints_a_table_and_json(record: Callable[..., Path]) -> None:
    runs = [record(10.0, 30.0, seed=1), record(20.0, 50.0, seed=2), record(seed=3)]
    words = [sys.executable, "-m", "esper", "compare", *map(str, runs)]
    plain = subprocess.run(words, capture_output=True, text=True, check=False)
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.splitlines()[-2].split()[:2] == ["20", "40.00"]
    assert plain.stderr == f"left out: {runs[2]} has no complete round with a figure for accuracy.\n"
    lines = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [(row["env_epochs"], row["mean"], row["seeds"]) for row in map(json.loads, lines)] == [
        (10, 15.0, 2),
        (20, 40.0, 2),
    ]
