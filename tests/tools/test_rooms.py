"""The committed picture and tables of the rooms are those that the imports give."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
STALE = "the rooms have changed: run `python tools/rooms.py` and look at docs/rooms.svg"


@pytest.fixture
def rooms() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import rooms as module

        yield module
    finally:
        sys.path.pop(0)


def test_the_committed_picture_shows_the_real_imports(rooms: ModuleType) -> None:
    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.picture(rooms.import_graph()), STALE


def test_the_committed_tables_list_the_real_imports(rooms: ModuleType) -> None:
    page = rooms.PAGE.read_text(encoding="utf-8")
    assert page == rooms.with_tables(page, rooms.tables(rooms.import_graph())), STALE


def test_one_new_import_changes_the_picture_and_the_table(rooms: ModuleType) -> None:
    graph = rooms.import_graph()
    picture, tables = rooms.picture(graph), rooms.tables(graph)
    graph.add_import(importer="esper.layers.rows", imported="esper.plugins")
    assert rooms.picture(graph) != picture
    assert rooms.tables(graph) != tables


def test_a_room_stands_above_everything_that_it_imports(rooms: ModuleType) -> None:
    imports = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset(), "d": frozenset("c")}
    assert rooms.floors(imports) == [["c"], ["b", "d"], ["a"]]


def test_an_arrow_that_a_longer_way_implies_is_left_out(rooms: ModuleType) -> None:
    imports = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}
    assert rooms.shortest_arrows(imports) == [("a", "b"), ("b", "c")]


def test_rooms_in_a_circle_are_named(rooms: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"in a circle: \['a', 'b'\]"):
        rooms.floors({"a": frozenset("b"), "b": frozenset("a"), "c": frozenset()})


@pytest.mark.parametrize(
    ("module", "room"),
    [
        ("esper", None),
        ("esper.__main__", None),
        ("esper.errors", "esper.errors"),
        ("esper.training.ppo.update", "esper.training"),
        ("esper_tui.widgets.text", "esper_tui"),
    ],
)
def test_the_room_of_a_module(rooms: ModuleType, module: str, room: str | None) -> None:
    assert rooms.room_of(module) == room
