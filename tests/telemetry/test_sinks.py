"""Sinks by name reach a run through --sink."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from esper.cli.main import main

PLUGIN = """
import esper

class Lines:
    name, critical = "lines", False

    def __init__(self, run):
        self.file = (run / "lines.txt").open("w")

    def accept(self, event):
        self.file.write(event.payload.kind.name + "\\n")

    def close(self):
        self.file.close()

esper.register_sink("lines", "one line per event", Lines)
"""


def esper_train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    short = ("--rounds", "1", "--envs", "2", "--episode-length", "2", "--no-tui")
    monkeypatch.setattr(sys, "argv", ["esper", "train", *short, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("own_registry")
def test_a_sink_of_a_plug_in_gets_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines_sink.py").write_text(PLUGIN, encoding="utf-8")
    assert esper_train(monkeypatch, "--plugin", "lines_sink", "--sink", "lines") == 0
    (run,) = (tmp_path / "runs").iterdir()
    events = (run / "events.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    kinds = (run / "lines.txt").read_text(encoding="utf-8").splitlines()
    assert len(kinds) == len(events)
    assert kinds[-1] == "TRAINING_ENDED"


def test_a_sink_that_is_not_registered_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert esper_train(monkeypatch, "--sink", "lines") == 2
    assert "--sink is 'lines': there is no such sink" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
