"""Shared by every test: one intra-op thread, so arithmetic is the same everywhere and cores are not fought over."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blueprints and controllers that a test registers are gone after it."""
    from esper.growth import catalogue
    from esper.growth.blueprints import registry
    from esper.training import controllers

    for table in (registry.SEEDS, registry.ESTIMATES):
        for topology in table:
            monkeypatch.setitem(table, topology, dict(table[topology]))
    monkeypatch.setattr(registry, "_REGISTERED", set())
    monkeypatch.setattr(catalogue, "_AVAILABLE", dict(catalogue._AVAILABLE))
    monkeypatch.setattr(controllers, "_CONTROLLERS", dict(controllers._CONTROLLERS))
