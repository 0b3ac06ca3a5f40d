"""Shared by every test: one intra-op thread, so arithmetic is the same everywhere and cores are not fought over."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
