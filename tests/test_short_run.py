"""A short recorded run from the outside: what it writes, in which order, and that equal seeds give equal runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from esper.history import read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.history.recording import open_recording
from esper.telemetry.events import Event, EventKind, LastAction, RunEnd, Throughput, TrainingEnded
from esper.training.config import TrainingConfig
from esper.training.phase_clock import Phase
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_ppo_vectorized


def config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits"), ["run.rounds=1", "run.threads=1", *overrides])


def record(settings: TrainingConfig, runs_dir: Path, control: RunControl | None = None) -> tuple[Path, TrainingResult]:
    with open_recording(settings, runs_dir) as recording:
        result = train_ppo_vectorized(
            settings,
            RunHooks(
                hub=recording.hub,
                run_id=recording.run_id,
                control=control or RunControl(),
                on_summary=recording.on_summary,
            ),
        )
    return recording.directory.path, result


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = config("fleet.envs=1", "fleet.episode_length=5")
    return record(settings, tmp_path_factory.mktemp("runs"))[0]


@pytest.fixture(scope="module")
def events(short_run: Path) -> list[Event]:
    return read_events(short_run)


def test_the_short_run_emits_each_event_as_often_as_the_contract_says(events: list[Event]) -> None:
    counts = Counter(event.kind for event in events)
    expected = {
        EventKind.TRAINING_STARTED: 1,
        EventKind.ALGORITHM_CHOSEN: 1,
        EventKind.EPOCH_COMPLETED: 5,
        EventKind.LAST_ACTION: 5,
        EventKind.EPISODE_OUTCOME: 1,
        EventKind.PPO_UPDATE_COMPLETED: 1,
        EventKind.BATCH_STATS: 1,
        EventKind.THROUGHPUT: 1,
        EventKind.REWARD_SUMMARY: 1,
        EventKind.MASK_HIT_RATES: 1,
        EventKind.BATCH_EPOCH_COMPLETED: 1,
        EventKind.ACTION_DISTRIBUTION: 1,
        EventKind.TRAINING_ENDED: 1,
    }
    assert {kind: counts[kind] for kind in expected} == expected


def test_events_come_in_the_order_of_the_contract(events: list[Event]) -> None:
    kinds = [event.kind for event in events]
    assert kinds[:2] == [EventKind.TRAINING_STARTED, EventKind.ALGORITHM_CHOSEN]
    assert kinds[-1] is EventKind.TRAINING_ENDED
    steps = [kind for kind in kinds if kind in (EventKind.EPOCH_COMPLETED, EventKind.LAST_ACTION)]
    assert steps == [EventKind.EPOCH_COMPLETED, EventKind.LAST_ACTION] * 5
    tail = [
        EventKind.EPISODE_OUTCOME,
        EventKind.PPO_UPDATE_COMPLETED,
        EventKind.BATCH_STATS,
        EventKind.BATCH_EPOCH_COMPLETED,
        EventKind.ACTION_DISTRIBUTION,
    ]
    assert [kind for kind in kinds if kind in tail] == tail


def test_sequence_numbers_have_no_gap(events: list[Event]) -> None:
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_throughput_is_measured(events: list[Event]) -> None:
    (speed,) = [event.payload for event in events if isinstance(event.payload, Throughput)]
    assert min(speed.wall_ms, speed.step_time_ms, speed.dataloader_wait_ms, speed.update_ms) > 0
    assert min(speed.env_epochs_per_second, speed.images_per_second) > 0
    phases = {phase.phase: phase.milliseconds for phase in speed.phases}
    assert sum(phases.values()) == pytest.approx(speed.wall_ms, rel=0.05)
    assert list(phases) == [phase.value for phase in Phase], "every phase is told, in the order of an epoch"
    assert min(phases.values()) > 0
    assert speed.dataloader_wait_ms == phases["data_wait"] < phases["train"]
    assert speed.step_time_ms == pytest.approx(sum(phases[one] for one in ("train", "data_wait", "evaluate")) / 5)


def test_reward_terms_add_up_to_the_reward(events: list[Event]) -> None:
    for event in events:
        if isinstance(event.payload, LastAction):
            total = sum(term.value for term in event.payload.reward_terms if term.value is not None)
            assert total == pytest.approx(event.payload.reward)


def test_history_holds_the_summary_that_the_trainer_returned(tmp_path: Path) -> None:
    path, result = record(config("fleet.envs=2", "fleet.episode_length=3"), tmp_path)
    assert read_history(path) == list(result.summaries)
    (summary,) = result.summaries
    assert len(summary.reward_summary) == len(summary.episode_history) == 2
    assert all(record.test_accuracy is not None for record in summary.episode_history)


@pytest.mark.parametrize("data_order", ["shared", "per_env"])
def test_equal_seeds_give_equal_runs(tmp_path: Path, data_order: str) -> None:
    settings = config("run.rounds=2", "fleet.envs=3", "fleet.episode_length=8", f"fleet.data_order={data_order}")
    first, second = (record(settings, tmp_path)[1] for _ in range(2))
    assert [item.without_timings() for item in first.summaries] == [item.without_timings() for item in second.summaries]


def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    short = ("fleet.envs=1", "fleet.episode_length=2")
    first, second = (record(config(*short, f"run.seed={seed}"), tmp_path)[1] for seed in (1, 2))
    assert first.summaries[0].without_timings() != second.summaries[0].without_timings()


def test_a_stop_request_ends_the_run_in_order(tmp_path: Path) -> None:
    control = RunControl()
    control.request_stop()
    path, result = record(config(), tmp_path, control)
    assert result.end is RunEnd.STOPPED
    last = read_events(path)[-1].payload
    assert isinstance(last, TrainingEnded)
    assert (last.end, last.batches_completed) == (RunEnd.STOPPED, 0)


def test_stop_after_round_completes_the_round(tmp_path: Path) -> None:
    control = RunControl()
    settings = config("run.rounds=3", "fleet.envs=1", "fleet.episode_length=2")
    with open_recording(settings, tmp_path) as recording:
        result = train_ppo_vectorized(
            settings,
            RunHooks(hub=recording.hub, control=control, on_summary=lambda _: control.request_stop_after_round()),
        )
    assert (result.end, result.batches_completed) == (RunEnd.STOPPED, 1)
