"""docs/format.md is what the records say, and the history of versions has each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from esper.history.migrations import OLDEST_VERSION
from esper.history.records import SCHEMA_VERSION
from esper.history.versions import VERSIONS
from esper.telemetry.events import EventKind

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def format_page() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import format_page as module

        yield module
    finally:
        sys.path.pop(0)


def test_the_page_is_current(format_page: ModuleType) -> None:
    assert format_page.PAGE.read_text(encoding="utf-8") == format_page.page(), "run python tools/format_page.py"


def test_the_page_has_every_kind_and_every_link_leads_somewhere(format_page: ModuleType) -> None:
    text = format_page.page()
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("##")}
    assert {kind.value.lower() for kind in EventKind} <= headings
    links = {part.partition(")")[0] for part in text.split("](#")[1:]}
    assert links - headings == set()


def test_the_page_says_range_meaning_and_absence(format_page: ModuleType) -> None:
    text = format_page.page()
    assert (
        "| `masked_decisions` | an integer from 0 to 9,007,199,254,740,992 | how many of the decisions were such. |"
        in text
    )
    assert "| `best_accuracy` | a number from -0.01 to 100.01, or NaN |" in text
    assert "| `train_loss` | a number or null |" in text
    assert "| `heads` | a list: each [HeadChoice](#headchoice) |" in text


def test_every_version_has_its_place_in_the_history() -> None:
    assert [version.number for version in VERSIONS] == list(range(OLDEST_VERSION, SCHEMA_VERSION + 1))
    assert all(version.changes for version in VERSIONS[1:])
