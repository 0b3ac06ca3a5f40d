"""The text preset trains transformers through the same command as every other preset."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from esper.cli import main
from esper.history import read_events, read_history
from esper.telemetry.events import EpochCompleted, TrainingStarted


def test_transformers_learn_the_embedded_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ("--rounds", "1", "--envs", "2", "--episode-length", "3", "--threads", "1", "--seed", "7")
    small = ("--set", "task.validation_fraction=0.02", "--set", "task.test_fraction=0.02")
    arguments = ("train", "--preset", "text", "--no-tui", *short, *small, "--runs-dir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["esper", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    run = Path(out.splitlines()[-1])
    payloads = [event.payload for event in read_events(run)]
    started = next(payload for payload in payloads if isinstance(payload, TrainingStarted))
    assert (started.task, started.num_classes, started.slot_ids) == ("text", 256, ("r0c0", "r0c1"))
    losses = [payload.val_loss for payload in payloads if isinstance(payload, EpochCompleted) and payload.env_id == 0]
    assert losses[-1] < losses[0] < 5.0
    assert len(read_history(run)) == 1
