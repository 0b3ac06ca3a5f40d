"""A run whose updates can no longer succeed, from the outside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from esper.history import read_events
from esper.history.recording import open_recording
from esper.history.settings import load_preset, with_overrides
from esper.telemetry.events import BatchEpochCompleted, PPOUpdateCompleted, RunEnd, TrainingEnded
from esper.training.skipped_updates import SkipCause, SkippedUpdatesError
from esper.training.vectorized_trainer import train_ppo_vectorized

SHORT = ("run.rounds=5", "run.threads=1", "fleet.envs=1", "fleet.episode_length=2")


def test_the_third_skipped_update_ends_the_run_after_its_batch_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*, values_et: Tensor, **_rest: Tensor) -> Tensor:
        return torch.full_like(values_et, float("nan"))

    monkeypatch.setattr("esper.training.ppo_batch.generalized_advantages", broken)
    settings = with_overrides(load_preset("digits"), list(SHORT))
    with open_recording(settings, tmp_path) as recording, pytest.raises(SkippedUpdatesError, match="reward"):
        train_ppo_vectorized(settings, hub=recording.hub, on_summary=recording.on_summary)
    payloads = [event.payload for event in read_events(recording.directory.path)]
    updates = [payload for payload in payloads if isinstance(payload, PPOUpdateCompleted)]
    assert [(update.skipped, update.skip_cause) for update in updates] == [(True, SkipCause.RETURNS)] * 3
    assert sum(isinstance(payload, BatchEpochCompleted) for payload in payloads) == 3
    last = payloads[-1]
    assert isinstance(last, TrainingEnded)
    assert (last.end, last.batches_completed) == (RunEnd.FAILED, 3)
    assert last.error is not None
    assert "SkippedUpdatesError" in last.error
