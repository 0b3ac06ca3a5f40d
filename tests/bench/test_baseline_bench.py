"""The baseline benchmark: the plain loop repeats what a recorded run did."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from esper.bench import baseline
from esper.bench.plain_run import PlainRun, replay
from esper.bench.recorded_growth import recorded_growth
from esper.contracts.actions import AlphaAlgorithm
from esper.fleet.plan import is_active
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.history import open_recording, read_events
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import CounterfactualMatrixComputed, EpochCompleted
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

TINY = ["task.train_samples=64", "task.test_samples=40", "fleet.batch_size=32", "fleet.episode_length=2"]
LIVELY = [
    "run.rounds=1",
    "run.threads=1",
    "run.seed=4",
    "task.train_samples=32",
    "task.test_samples=20",
    "fleet.envs=1",
    "fleet.batch_size=16",
    "fleet.episode_length=40",
    "host.base_channels=2",
    "growth.min_training_epochs=1",
    "growth.min_prune_age=1",
    "growth.embargo_epochs=1",
    "growth.single_incubation=false",
]


@pytest.fixture(scope="module")
def lively_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = with_overrides(load_preset("cifar_baseline"), LIVELY)
    with open_recording(config, tmp_path_factory.mktemp("runs")) as recording:
        train_ppo_vectorized(
            config, RunHooks(hub=recording.hub, run_id=recording.run_id, on_summary=recording.on_summary)
        )
    return recording.directory.path


def test_the_growth_of_every_epoch_is_recovered(lively_run: Path) -> None:
    config = with_overrides(load_preset("cifar_baseline"), LIVELY)
    payloads = [event.payload for event in read_events(lively_run)]
    epochs = recorded_growth(read_events(lively_run), slot_config(config.host), topology_of(config.host))
    told = [payload for payload in payloads if isinstance(payload, EpochCompleted)]
    measured = {one.epoch: one for one in payloads if isinstance(one, CounterfactualMatrixComputed)}
    assert len(epochs) == len(told) == 40
    for number, (grown, epoch) in enumerate(zip(epochs, told, strict=True), start=1):
        assert [seed.seed_id for seed in grown.seeds] == [slot.seed_id for slot in epoch.slots if slot.params]
        active = [False] * 3
        for seed in grown.seeds:
            active[seed.slot] = is_active(seed.control)
        assert grown.masks[0] == tuple(active), f"epoch {number}"
        assert len(grown.masks) == (len(measured[number].configs) if number in measured else 1)
    used = {seed.algorithm for grown in epochs for seed in grown.seeds if seed.control is not None}
    assert used == set(AlphaAlgorithm)


def test_the_plain_loop_trains_with_these_seeds_and_validates_these_configurations(lively_run: Path) -> None:
    config = with_overrides(load_preset("cifar_baseline"), LIVELY)
    epochs = recorded_growth(read_events(lively_run), slot_config(config.host), topology_of(config.host))
    plain = PlainRun(config)
    for grown in epochs:
        accuracies = plain.epoch(grown)
        assert len(accuracies) == len(grown.masks)
        assert all(0.0 <= accuracy <= 100.0 for accuracy in accuracies)
        assert set(plain.env.seeds) == {seed.slot for seed in grown.seeds}
        for seed in grown.seeds:
            assert (plain.env.seeds[seed.slot].gate is not None) == (seed.algorithm is AlphaAlgorithm.GATE)
    assert len(replay(lively_run)) == 40


def test_both_processes_run_and_the_faster_one_is_ours_if_the_ratio_is_above_one() -> None:
    seconds = baseline.time_processes(TINY, torch.device("cpu"), threads=1, repeats=1)
    assert len(seconds.ours) == len(seconds.theirs) == 1
    assert min(*seconds.ours, *seconds.theirs) > 0.1, "starting Python and torch takes longer"
    assert seconds.ratios[0] == seconds.theirs[0] / seconds.ours[0]
