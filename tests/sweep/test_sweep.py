"""A sweep: trials that are recorded, pruned, refused, interrupted and played again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from esper.errors import ConfigError
from esper.history import read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.history.run_lock import RunLock
from esper.sweep.records import SweepOrder, TrialState
from esper.sweep.study import counted, open_study, reports, take_back_lost, trial_folder
from esper.sweep.sweep import Sweep, new_sweep, resumed_sweep
from esper.sweep.trial import play_trial
from esper.telemetry.events import RunEnd, TrainingEnded
from esper.training.config import TrainingConfig
from esper.workers import Workplace, WorkStoppedError

SEARCHED = ("ppo.learning_rate=1e-4..1e-2:log",)


@pytest.fixture
def base() -> TrainingConfig:
    tiny = ["run.rounds=2", "fleet.envs=1", "fleet.episode_length=2", "fleet.steps_per_epoch=1", "policy.hidden_size=8"]
    return with_overrides(load_preset("digits_impaired"), [*tiny, "policy.feature_size=8", "run.threads=1"])


@pytest.fixture
def order(base: TrainingConfig, tmp_path: Path) -> SweepOrder:
    return new_sweep(base, SEARCHED, tmp_path, seeds=2, trials=2, prune=False)


def test_a_trial_trains_every_seed_and_is_judged_by_validation(order: SweepOrder) -> None:
    steps: list[int] = []
    report = play_trial(order, Workplace(advance=steps.append))
    assert report is not None
    assert (report.number, report.state) == (0, TrialState.FINISHED)
    last = [read_history(Path(run))[-1] for run in report.runs]
    assert report.by_seed == tuple(summary.rolling_avg_accuracy for summary in last)
    assert report.value == pytest.approx(sum(report.by_seed) / 2)
    (setting,) = report.settings
    key, _, value = setting.partition("=")
    assert key == "ppo.learning_rate"
    assert 1e-4 <= float(value) <= 1e-2
    assert sum(steps) == 2 * 2 * 2


def test_trials_that_are_played_one_by_one_repeat(base: TrainingConfig, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        order = new_sweep(base, SEARCHED, tmp_path / name, seeds=1, trials=2, prune=False)
        found.append([play_trial(order, Workplace()) for _ in range(2)])
    first, second = ([one.settings for one in trials if one is not None] for trials in found)
    assert first == second
    assert first[0] != first[1]


def test_there_are_no_more_trials_than_were_asked_for(order: SweepOrder) -> None:
    one = replace(order, trials=1, seeds=1)
    assert play_trial(one, Workplace()) is not None
    assert play_trial(one, Workplace()) is None


def test_settings_that_do_not_fit_together_fail_alone(base: TrainingConfig, tmp_path: Path) -> None:
    order = new_sweep(base, ("host.pool_layers=1|2", "host.blocks=1|2"), tmp_path, seeds=1, trials=2, prune=False)
    study = open_study(order.folder, prune=False, warm_rounds=0)
    study.enqueue_trial({"host.pool_layers": "2", "host.blocks": "1"})
    study.enqueue_trial({"host.pool_layers": "1", "host.blocks": "2"})
    failed, finished = play_trial(order, Workplace()), play_trial(order, Workplace())
    assert failed is not None
    assert finished is not None
    assert failed.state is TrialState.FAILED
    assert "host.pool_layers is 2" in failed.reason
    assert finished.state is TrialState.FINISHED
    assert [one.number for one in Sweep(order).reports()] == [1, 0]


def test_a_trial_that_lags_behind_is_pruned(order: SweepOrder) -> None:
    pruned = replace(order, prune=True, trials=9)
    study = open_study(order.folder, prune=True, warm_rounds=0)
    for _ in range(4):  # four trials that no run can reach
        better = study.ask()
        for step in range(1, 5):
            better.report(101.0, step)
        study.tell(better, 101.0)
    report = play_trial(pruned, Workplace())
    assert report is not None
    assert report.state is TrialState.PRUNED
    (run,) = report.runs
    ended = read_events(Path(run))[-1].payload
    assert isinstance(ended, TrainingEnded)
    assert (ended.end, ended.batches_completed) == (RunEnd.STOPPED, 1)


def test_an_interrupted_trial_is_played_again_with_its_settings(order: SweepOrder) -> None:
    workplace = Workplace()
    workplace.advance = lambda _: workplace.control.request_stop()
    with pytest.raises(WorkStoppedError):
        play_trial(order, workplace)
    again = play_trial(order, Workplace())
    assert again is not None
    first, second = reports(open_study(order.folder, prune=False, warm_rounds=0))
    assert (first.state, second.state) == (TrialState.INTERRUPTED, TrialState.FINISHED)
    assert first.settings == second.settings


def test_only_trials_of_processes_that_are_gone_are_taken_back(order: SweepOrder) -> None:
    study = open_study(order.folder, prune=False, warm_rounds=0)
    for _ in range(2):
        number = study.ask({}).number
        trial_folder(order.folder, number).mkdir()
    alive = RunLock(trial_folder(order.folder, 1))
    assert take_back_lost(study, order.folder) == 1
    assert take_back_lost(study, order.folder) == 0
    assert [one.state for one in reports(study)] == [TrialState.INTERRUPTED, TrialState.RUNNING]
    assert counted(study) == 1
    alive.close()


def test_a_sweep_is_found_again_in_its_folder(order: SweepOrder, base: TrainingConfig) -> None:
    found, config = resumed_sweep(order.folder, trials=None)
    assert (found, config) == (order, base)
    more, _ = resumed_sweep(order.folder, trials=7)
    assert more.trials == 7
    assert resumed_sweep(order.folder, trials=None)[0].trials == 7
    assert Sweep(more).missing == 7


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no sweep"):
        resumed_sweep(tmp_path, trials=None)


@pytest.mark.parametrize(("seeds", "trials", "said"), [(0, 1, "seeds is 0"), (1, 0, "trials is 0")])
def test_numbers_that_are_too_small(base: TrainingConfig, tmp_path: Path, seeds: int, trials: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        new_sweep(base, SEARCHED, tmp_path, seeds=seeds, trials=trials, prune=True)
    assert not list(tmp_path.iterdir())
