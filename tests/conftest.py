"""Shared by every test: one intra-op thread, so arithmetic is the same everywhere and cores are not fought over."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for short_runs and small_archives

pytest_plugins = ["small_archives"]

# Under nohup, every process would be born deaf to what tests of hang-ups send it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

if TYPE_CHECKING:
    from esper.training.vectorized_trainer import TrainingResult


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that a test registers are gone after it."""
    from esper.contracts import blueprints
    from esper.growth.blueprints import catalogue, registry
    from esper.growth.hosts import kinds
    from esper.growth.hosts import registry as hosts
    from esper.rewards import components, modes
    from esper.tasks import registry as tasks
    from esper.telemetry import sinks
    from esper.training.controllers import registry as controllers

    for table in (registry.SEEDS, registry.ESTIMATES):
        for topology in table:
            monkeypatch.setitem(table, topology, dict(table[topology]))
    monkeypatch.setattr(registry, "_REGISTERED", {})
    monkeypatch.setattr(blueprints, "_declared", {})
    monkeypatch.setattr(catalogue, "_AVAILABLE", dict(catalogue._AVAILABLE))
    monkeypatch.setattr(catalogue, "_ADDED", {topology: dict(added) for topology, added in catalogue._ADDED.items()})
    for parts in (controllers.CONTROLLERS, tasks.TASKS, kinds.KINDS, modes.MODES, sinks.SINKS):
        monkeypatch.setattr(parts, "_parts", dict(parts._parts))
    monkeypatch.setattr(components, "CONTRIBUTION_MODES", dict(components.CONTRIBUTION_MODES))
    monkeypatch.setattr(components, "COMPONENTS", dict(components.COMPONENTS))
    names = set(modes.COMPONENT_NAMES)
    for module in (components, modes):
        monkeypatch.setattr(module, "COMPONENT_NAMES", names)
    monkeypatch.setattr(hosts, "_FACTORIES", dict(hosts._FACTORIES))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingResult]:
    """A run of three rounds with a checkpoint after the second and the third. Do not change its files."""
    from short_runs import record, short_config

    return record(short_config("run.rounds=3", "run.checkpoint_interval=2"), tmp_path_factory.mktemp("runs"))
