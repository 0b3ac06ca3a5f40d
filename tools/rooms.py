"""Draws the rooms of the project from its real imports: docs/rooms.svg and the tables in docs/architecture.md.

Run `python tools/rooms.py` after an import between two rooms has appeared or gone, or after a room's docstring
has changed. A test compares the committed picture and tables with the code.

A room is a package or a module directly below `esper`, or the whole of `esper_tui`. What a room is for comes from the
first sentence of its docstring. The picture draws an arrow only where no longer way along other arrows exists, so that
it stays readable; the tables list every import between rooms.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]  # this checkout, whatever else is installed
from rooms_picture import draw  # noqa: E402

PICTURE = ROOT / "docs" / "rooms.svg"
PAGE = ROOT / "docs" / "architecture.md"
START = "<!-- rooms: written by tools/rooms.py -->"
END = "<!-- end of rooms -->"

Imports = Mapping[str, frozenset[str]]
"""The rooms that each room imports."""


def import_graph() -> grimp.ImportGraph:
    """Every module of both packages, and which of them imports which."""
    return grimp.build_graph("esper", "esper_tui", cache_dir=None)


def room_of(module: str) -> str | None:
    """The room that a module belongs to. None for `esper` and `python -m esper`, the ways into every room."""
    parts = module.split(".")
    if parts[0] == "esper_tui":
        return "esper_tui"
    return ".".join(parts[:2]) if len(parts) > 1 and parts[1] != "__main__" else None


def training_room_of(module: str) -> str | None:
    """The sub-room of training that a module belongs to. None outside them."""
    parts = module.split(".")
    return ".".join(parts[:3]) if parts[:2] == ["esper", "training"] and len(parts) > 3 else None


def imports_between(graph: grimp.ImportGraph, place_of: Callable[[str], str | None]) -> Imports:
    """Which room imports which others.

    place_of: gives the room of a module, or None for a module that belongs to no room.
    """
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        importer = place_of(module)
        if importer is None:
            continue
        imported = (place_of(other) for other in graph.find_modules_directly_imported_by(module))
        found.setdefault(importer, set()).update(room for room in imported if room not in (None, importer))
    return {room: frozenset(found[room]) for room in sorted(found)}


def floors(imports: Imports) -> list[list[str]]:
    """The rooms by floor, the lowest first: a room stands one floor above the highest room that it imports.

    Raises:
        ValueError: some rooms import each other in a circle, so that none of them can be the lower one.
    """
    floor_of: dict[str, int] = {}
    while len(floor_of) < len(imports):
        ready = [room for room in imports if room not in floor_of and imports[room] <= floor_of.keys()]
        if not ready:
            raise ValueError(f"these rooms import each other in a circle: {sorted(imports.keys() - floor_of.keys())}")
        floor_of |= {room: 1 + max((floor_of[other] for other in imports[room]), default=-1) for room in ready}
    top = max(floor_of.values())
    return [sorted(room for room in imports if floor_of[room] == floor) for floor in range(top + 1)]


def reachable(imports: Imports, room: str) -> set[str]:
    """Every room that this one imports, directly or through others."""
    found: set[str] = set()
    waiting = list(imports[room])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(imports[other])
    return found


def shortest_arrows(imports: Imports) -> list[tuple[str, str]]:
    """The imports that no chain of other imports implies (the transitive reduction)."""
    return [
        (room, target)
        for room in imports
        for target in sorted(imports[room])
        if not any(target in reachable(imports, other) for other in imports[room] - {target})
    ]


def purpose(room: str) -> str:
    """The first sentence of the docstring of a room."""
    path = ROOT / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert text, f"{file.relative_to(ROOT)} has no docstring: say there what the room is for"
    return text.split("\n\n")[0].replace("\n", " ").split(". ")[0].rstrip(".") + "."


def short(room: str, parent: str) -> str:
    return room.removeprefix(f"{parent}.")


def picture(graph: grimp.ImportGraph) -> str:
    """The text of docs/rooms.svg."""
    imports = imports_between(graph, room_of)
    parts = reversed(floors(imports_between(graph, training_room_of)))
    inside = " → ".join(", ".join(short(room, "esper.training") for room in floor) for floor in parts)
    notes = {room: purpose(room) for room in imports}
    return draw(floors(imports), shortest_arrows(imports), notes, {"esper.training": inside})


def table(imports: Imports, parent: str) -> str:
    """Some rooms as a Markdown table, the highest floor first.

    parent: the package that holds them.
    """
    lines = ["| room | what it holds | imports from |", "| --- | --- | --- |"]
    for room in (room for floor in reversed(floors(imports)) for room in floor):
        names = ", ".join(short(other, parent) for other in sorted(imports[room])) or "none of these"
        lines.append(f"| `{room.replace('.', '/')}` | {purpose(room)} | {names} |")
    return "\n".join(lines)


def tables(graph: grimp.ImportGraph) -> str:
    """The tables of docs/architecture.md: all rooms, then those inside training."""
    return "\n\n".join(
        [
            table(imports_between(graph, room_of), "esper"),
            "The largest room, `esper/training`, has rooms of its own, which keep an order too:",
            table(imports_between(graph, training_room_of), "esper.training"),
        ]
    )


def with_tables(page: str, rows: str) -> str:
    """The page with its tables of rooms replaced."""
    before, _, rest = page.partition(START)
    _, found, after = rest.partition(END)
    assert found, f"{PAGE.name} has no lines {START} and {END}"
    return f"{before}{START}\n\n{rows}\n\n{END}{after}"


def main() -> None:
    graph = import_graph()
    PICTURE.write_text(picture(graph), encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), tables(graph)), encoding="utf-8")
    print(f"{PICTURE}\n{PAGE}")


if __name__ == "__main__":
    main()
