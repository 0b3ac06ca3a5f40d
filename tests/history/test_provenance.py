"""Runs say how they were made, and go on with the plug-ins and sinks that they were started with."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from short_runs import record, short_config

from esper.errors import ConfigError
from esper.history.presets import with_values
from esper.history.provenance import find_provenance
from esper.history.reader import read_run_events, read_run_history
from esper.history.resuming import find_resume_point
from esper.history.run_directory import RunDirectory
from esper.plugins import describe_plugins, load_plugins
from esper.tasks.config import TaskConfig
from esper.tasks.data import data_digest
from esper.tasks.registry import load_task
from esper.telemetry.events import TrainingStarted

SOURCE = """
from esper.telemetry import sinks

class Sink:
    name, critical = "mine", False
    def __init__(self, run):
        self.file = run / "mine.txt"
    def accept(self, event):
        with self.file.open("a") as file:
            file.write(f"{event.seq}\\n")
    def close(self):
        pass

if "mine" not in sinks.SINKS.names():
    sinks.register_sink("mine", "event numbers", Sink)
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registry: None) -> Path:
    """A module with a sink, in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "a_plugin_of_mine.py"
    path.write_text(SOURCE, encoding="utf-8")
    monkeypatch.delitem(sys.modules, path.stem, raising=False)
    return path


def test_headers_name_command_machine_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["esper", "train", "--seed", "9"])
    run, _ = record(short_config("run.rounds=1"), tmp_path)
    log = read_run_events(run)
    made = log.header.provenance
    assert made is not None
    assert made.command == ("esper", "train", "--seed", "9")
    assert made.python == sys.version.split()[0]
    assert made.torch.startswith("2.")
    assert made.host_name
    assert made.processors > 0
    assert read_run_history(run).header.provenance == made


def test_the_first_event_has_the_checksum_of_the_data(tmp_path: Path) -> None:
    config = short_config("run.rounds=1")
    run, _ = record(config, tmp_path)
    started = read_run_events(run).events[0].payload
    assert isinstance(started, TrainingStarted)
    assert started.blas
    assert started.data_digest == data_digest(load_task(config.task, config.run.seed))


def test_one_other_label_is_another_checksum() -> None:
    data = load_task(TaskConfig(name="digits"), 1)
    before = data_digest(data)
    data.test.targets[-1] = (int(data.test.targets[-1]) + 1) % 10
    assert data_digest(data) != before


def test_a_repository_with_changes_is_dirty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> str:
        name = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        done = subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    folder = tmp_path / "clean"
    folder.mkdir()
    git("init", "-q")
    (folder / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "first")
    monkeypatch.chdir(folder)
    state = find_provenance(()).project
    assert state is not None
    assert (state.commit, state.dirty, Path(state.folder)) == (git("rev-parse", "HEAD"), False, folder.resolve())

    changed = tmp_path / "changed"
    folder.rename(changed)
    (changed / "file").write_text("two")
    monkeypatch.chdir(changed)
    state = find_provenance(()).project
    assert state is not None
    assert state.dirty


def test_outside_of_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_provenance(()).project is None


def test_plugins_have_a_digest_that_follows_their_files(plugin: Path) -> None:
    load_plugins([plugin.stem])
    (before,) = (one for one in describe_plugins([plugin.stem]) if one.module == plugin.stem)
    expected = hashlib.sha256(f"{plugin.name}\n".encode() + plugin.read_bytes()).hexdigest()
    assert (before.version, before.digest) == (None, expected)
    plugin.write_text(SOURCE + "# another line\n", encoding="utf-8")
    (after,) = (one for one in describe_plugins([plugin.stem]) if one.module == plugin.stem)
    assert after.digest != before.digest


def test_a_run_goes_on_with_its_plugins_and_sinks(plugin: Path, tmp_path: Path) -> None:
    values = {"run.plugins": [plugin.stem], "run.sinks": ["mine"]}
    run, _ = record(with_values(short_config("run.rounds=1"), values), tmp_path / "runs")
    seqs = [int(line) for line in (run / "mine.txt").read_text().splitlines()]
    assert seqs == list(range(1, len(seqs) + 1))
    made = read_run_events(run).header.provenance
    assert made is not None
    assert plugin.stem in [one.module for one in made.plugins]

    point = find_resume_point(run, {"run.rounds": 2}, plugins=[plugin.stem])
    assert point.config.run.plugins == (plugin.stem,)
    assert point.config.run.sinks == ("mine",)
    assert find_resume_point(run, {"run.rounds": 2, "run.sinks": []}).config.run.sinks == ()


def test_a_plugin_that_is_gone_is_named_when_the_run_goes_on(
    plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = record(with_values(short_config("run.rounds=1"), {"run.plugins": [plugin.stem]}), tmp_path / "runs")
    assert RunDirectory.open(run).named_plugins() == (plugin.stem,)
    plugin.unlink()
    monkeypatch.delitem(sys.modules, plugin.stem)
    sys.path_importer_cache.clear()
    with pytest.raises(ConfigError, match=r"plugin 'a_plugin_of_mine' was not found"):
        find_resume_point(run, {"run.rounds": 2})
