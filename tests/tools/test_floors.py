"""The lowest versions that `make floors` installs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
try:
    import floors
finally:
    sys.path.pop(0)


def test_every_dependency_has_a_lowest_version() -> None:
    pins = floors.floors(ROOT / "pyproject.toml", [])
    assert "rich==14.2" in pins
    assert all(pin.count("==") == 1 for pin in pins)


def test_a_kept_version_replaces_the_lowest() -> None:
    pins = floors.floors(ROOT / "pyproject.toml", ["torch==2.13.0"])
    assert [pin for pin in pins if pin.startswith("torch")] == ["torch==2.13.0"]


def test_a_dependency_without_a_lowest_version_is_named() -> None:
    assert floors.lower_bound(Requirement("textual>=8.2,<9")) == "textual==8.2"
    with pytest.raises(ValueError, match="rich<15 needs one lower bound"):
        floors.lower_bound(Requirement("rich<15"))
