"""Every example in a docstring gives what it says; only modules that have examples are imported."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("esper", "esper_tui")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, f"see the captured output, or run: python -m doctest -v {name.replace('.', '/')}.py"


def test_examples_are_found() -> None:
    assert "esper.growth.lifecycle.alpha" in MODULES
