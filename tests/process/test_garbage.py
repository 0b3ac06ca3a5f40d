"""A run is not stopped by full garbage collections, and the process is as before once it is over."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from esper.cli.console import headless
from esper.history.recording import open_recording
from esper.process.garbage import COLLECTIONS_PER_FULL_ONE, rare_full_collections
from esper.telemetry.events import RunEnd
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl
from esper_tui.session import training_job
from esper_tui.sources.live import LiveSource


def test_full_collections_are_rare_and_skip_what_was_there_before() -> None:
    before = gc.get_threshold()
    with rare_full_collections():
        assert gc.get_threshold() == (*before[:2], COLLECTIONS_PER_FULL_ONE)
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 10_000
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("in_cockpit", [True, False])
def test_training_goes_on_without_them(in_cockpit: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def train(*_: object, **__: object) -> SimpleNamespace:
        seen.append(gc.get_threshold()[2])
        return SimpleNamespace(end=RunEnd.FINISHED)

    monkeypatch.setattr("esper.checkpoints.train_recorded", train)
    monkeypatch.setattr(headless, "train_recorded", train)
    if in_cockpit:
        with ExitStack() as stack:
            recording = stack.enter_context(open_recording(TrainingConfig(), tmp_path))
            source = LiveSource(control=RunControl(), origin="x", clock=lambda: 0.0)
            training_job([], recording, stack, tmp_path / "failure.txt")(source)
    else:
        assert headless.train_headless(TrainingConfig(), tmp_path) == 0
    assert seen == [COLLECTIONS_PER_FULL_ONE]
