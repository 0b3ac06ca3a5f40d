"""A run whose updates can no longer succeed, from the outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from esper.errors import SkippedUpdatesError
from esper.history import read_events
from esper.history.checkpoint_files import open_checkpoint
from esper.history.presets import load_preset, with_overrides
from esper.history.recording import open_recording
from esper.telemetry.events import BatchEpochCompleted, PPOUpdateCompleted, RunEnd, TrainingEnded
from esper.training.ppo.skipped_updates import SkipCause, SkipCounter
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

R, G, N = SkipCause.RETURNS, SkipCause.GRADIENT, None
SHORT = ("run.rounds=5", "run.threads=1", "fleet.envs=1", "fleet.episode_length=2")


def test_the_third_skipped_update_ends_the_run_after_its_batch_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*, values_et: Tensor, **_rest: Tensor) -> Tensor:
        return torch.full_like(values_et, float("nan"))

    monkeypatch.setattr("esper.training.ppo.batch.generalized_advantages", broken)
    settings = with_overrides(load_preset("digits"), list(SHORT))
    with open_recording(settings, tmp_path) as recording, pytest.raises(SkippedUpdatesError, match="reward"):
        train_ppo_vectorized(
            settings,
            RunHooks(hub=recording.hub, on_summary=recording.on_summary, on_checkpoint=recording.on_checkpoint),
        )
    assert open_checkpoint(recording.directory.path).manifest.rounds_completed == 3
    payloads = [event.payload for event in read_events(recording.directory.path)]
    updates = [payload for payload in payloads if isinstance(payload, PPOUpdateCompleted)]
    assert [(update.skipped, update.skip_cause) for update in updates] == [(True, SkipCause.RETURNS)] * 3
    assert sum(isinstance(payload, BatchEpochCompleted) for payload in payloads) == 3
    last = payloads[-1]
    assert isinstance(last, TrainingEnded)
    assert (last.end, last.batches_completed) == (RunEnd.FAILED, 3)
    assert last.error is not None
    assert "SkippedUpdatesError" in last.error


def count(*causes: SkipCause | None) -> None:
    counter = SkipCounter()
    for cause in causes:
        counter.count(cause)


def test_three_in_a_row_stop_the_run_and_name_the_causes() -> None:
    with pytest.raises(SkippedUpdatesError, match="3 PPO updates in a row were skipped") as raised:
        count(N, R, R, G)
    assert raised.value.causes == (R, R, G)
    assert str(raised.value).count(R) == 1
    assert G in str(raised.value)


def test_an_update_that_succeeds_forgives_the_skipped_ones() -> None:
    count(R, R, N, R, R, N, G)


@pytest.mark.parametrize(("earlier", "left"), [((R, G), 1), ((R, N, G), 2), ((R, R, N), 3), ((), 3), ((N, R, G, R), 3)])
def test_a_run_that_goes_on_counts_the_skips_before_the_break(earlier: tuple[SkipCause | None, ...], left: int) -> None:
    """left: skipped updates that end it. A run that ended for its skips gets three new ones."""
    counter = SkipCounter()
    counter.recall(earlier)
    for _ in range(left - 1):
        counter.count(G)
    with pytest.raises(SkippedUpdatesError):
        counter.count(G)
