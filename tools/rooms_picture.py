"""Lays out floors of rooms with arrows between them, and writes the picture as SVG.

An arrow that crosses floors passes through an invisible place on each floor between its ends, so that it runs beside
the rooms and not behind them. The places on a floor are ordered so that few arrows cross. The same rooms and arrows
always give the same picture.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

BOX_WIDTH, BOX_HEIGHT = 208, 90
GAP, FLOOR_HEIGHT, MARGIN = 26, 132, 24
LINE_LETTERS, LINES = 36, 3
STYLE = """
text { font-family: "DejaVu Sans", Verdana, sans-serif; fill: #1f2933; text-anchor: middle; }
.name { font-size: 14px; font-weight: bold; }
.note { font-size: 10px; fill: #52606d; }
.room { fill: #f5f7fa; stroke: #3e4c59; rx: 7px; }
.arrow { fill: none; stroke: #7b8794; stroke-width: 1.3; marker-end: url(#tip); }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place on a floor.

    name: the room, or the arrow that passes through.
    is_room: whether a box is drawn there.
    """

    name: str
    is_room: bool

    @property
    def width(self) -> int:
        return BOX_WIDTH if self.is_room else GAP


Link = tuple[Place, Place]  # from a place on one floor to a place on the floor directly below


def with_passages(
    floors: Sequence[Sequence[str]], arrows: Sequence[tuple[str, str]]
) -> tuple[list[list[Place]], list[list[Place]]]:
    """The places of every floor, the lowest floor first, and the places that each arrow visits from top to bottom."""
    places = [[Place(name=room, is_room=True) for room in floor] for floor in floors]
    floor_of = {place.name: number for number, floor in enumerate(places) for place in floor}
    ways: list[list[Place]] = []
    for start, end in arrows:
        passages = [Place(name=f"{start} to {end} on {n}", is_room=False) for n in range(floor_of[start])]
        between = range(floor_of[start] - 1, floor_of[end], -1)
        for number in between:
            places[number].append(passages[number])
        ways.append(
            [Place(name=start, is_room=True), *(passages[number] for number in between), Place(name=end, is_room=True)]
        )
    return places, ways


def centres(floors: Sequence[Sequence[Place]], width: float) -> dict[Place, float]:
    """The horizontal centre of every place: each floor is set in the middle of the picture."""
    found: dict[Place, float] = {}
    for floor in floors:
        left = (width - sum(place.width for place in floor) - GAP * (len(floor) - 1)) / 2
        for place in floor:
            found[place] = left + place.width / 2
            left += place.width + GAP
    return found


def badness(floors: Sequence[Sequence[Place]], links: Sequence[Link], width: float) -> tuple[int, float]:
    """How hard the picture is to read: the number of crossings, then how far the arrows run sideways."""
    x = centres(floors, width)
    level = {place: number for number, floor in enumerate(floors) for place in floor}
    crossings = sum(
        (x[a] - x[c]) * (x[b] - x[d]) < 0
        for number, (a, b) in enumerate(links)
        for c, d in links[:number]
        if level[a] == level[c]
    )
    return crossings, round(sum(abs(x[a] - x[b]) for a, b in links), 3)


def put_in_order(floors: list[list[Place]], links: Sequence[Link], width: float) -> None:
    """Move places along their floors as long as a move makes the picture easier to read."""
    best = badness(floors, links, width)
    improved = True
    while improved:
        improved = False
        for floor in floors:
            for start in range(len(floor)):
                for end in range(len(floor)):
                    floor.insert(end, floor.pop(start))
                    now = badness(floors, links, width)
                    if now < best:
                        best, improved = now, True
                    else:
                        floor.insert(start, floor.pop(end))


def box(name: str, note: str, inside: str | None, x: float, y: float) -> list[str]:
    """The lines that draw one room.

    inside: what is said of its own rooms, if it has any that are drawn.
    """
    lines = textwrap.wrap(note.replace("`", ""), LINE_LETTERS, max_lines=LINES, placeholder=" …")
    lines += textwrap.wrap(inside or "", LINE_LETTERS)
    return [
        f'<rect class="room" x="{x - BOX_WIDTH / 2:.1f}" y="{y:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"/>',
        f'<text class="name" x="{x:.1f}" y="{y + 19:.1f}">{escape(name)}</text>',
        *(
            f'<text class="note" x="{x:.1f}" y="{y + 34 + 13 * number:.1f}">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ),
    ]


def ports(links: Sequence[Link], x: Mapping[Place, float]) -> dict[tuple[Link, int], float]:
    """Where each link leaves its upper place (end 0) and meets its lower one (end 1), spread along a box's edge."""
    found: dict[tuple[Link, int], float] = {}
    for end in (0, 1):
        for place in {link[end] for link in links}:
            touching = sorted((link for link in links if link[end] == place), key=lambda link: x[link[1 - end]])
            for number, link in enumerate(touching):
                share = (number + 1) / (len(touching) + 1) - 0.5
                found[link, end] = x[place] + (share * BOX_WIDTH if place.is_room else 0.0)
    return found


def curve(way: Sequence[Place], at: Mapping[tuple[Link, int], float], top: Mapping[Place, int]) -> str:
    """The path of one arrow through the places that it visits."""
    path = ""
    for link in pairwise(way):
        (x0, y0), (x1, y1) = (at[link, 0], top[link[0]] + BOX_HEIGHT), (at[link, 1], top[link[1]])
        middle = (y0 + y1) / 2
        path += f"{'L' if path else 'M'}{x0:.1f} {y0:.1f}C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return path


def draw(
    floors: Sequence[Sequence[str]],
    arrows: Sequence[tuple[str, str]],
    notes: Mapping[str, str],
    inside: Mapping[str, str],
) -> str:
    """The picture as SVG text, with the highest floor at the top.

    floors: the names of the rooms, the lowest floor first.
    arrows: pairs of an importing room and the room that it imports, on a lower floor.
    notes: what each room is for, by its name.
    inside: one more line for the rooms named.
    """
    places, ways = with_passages(floors, arrows)
    links = [link for way in ways for link in pairwise(way)]
    width = max(sum(place.width + GAP for place in floor) for floor in places) + 2 * MARGIN
    put_in_order(places, links, width)
    x = centres(places, width)
    height = FLOOR_HEIGHT * (len(places) - 1) + BOX_HEIGHT + 2 * MARGIN
    tops = [MARGIN + FLOOR_HEIGHT * number for number in reversed(range(len(places)))]
    top = {place: y for floor, y in zip(places, tops, strict=True) for place in floor}
    at = ports(links, x)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>The rooms of Esper: an arrow points from a room to one that it imports</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7b8794"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(f'<path class="arrow" d="{curve(way, at, top)}"/>' for way in ways),
    ]
    for place in (place for floor in places for place in floor if place.is_room):
        name = place.name.removeprefix("esper.")
        parts += box(name, notes[place.name], inside.get(place.name), x[place], top[place])
    return "\n".join([*parts, "</svg>"]) + "\n"
