"""A screen of the cockpit as a picture, drawn without a terminal."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from esper.errors import ConfigError
from esper.telemetry.events import Event
from esper_tui.app import CockpitApp
from esper_tui.screens.layout import MINIMUM
from esper_tui.screens.registry import SCREENS
from esper_tui.settings import Settings
from esper_tui.sources.replay import ReplaySource

SCREEN_NAMES = tuple(kind.NAME for kind in SCREENS)
LARGEST = (400, 150)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a picture shows.

    size: columns and rows of cells.
    at: the moment; a number from 0 to 1 is a share of the recording, and an integer the seq of its last event shown.
    env_id: the env at the cursor; None for the first of the table.
    """

    screen: str
    size: tuple[int, int]
    at: float | int
    env_id: int | None
    theme: str


def parse_size(text: str) -> tuple[int, int]:
    """Columns and rows, as in 160x45.

    Raises:
        ConfigError: it is no size, or one that the cockpit cannot fill.
    """
    columns, _, rows = text.partition("x")
    if not (columns.isascii() and columns.isdigit() and rows.isascii() and rows.isdigit() and len(text) <= 9):
        raise ConfigError(f"--size {text}: give columns and rows of cells, as in 160x45")
    size = (int(columns), int(rows))
    if not (MINIMUM[0] <= size[0] <= LARGEST[0] and MINIMUM[1] <= size[1] <= LARGEST[1]):
        raise ConfigError(
            f"--size {text}: the cockpit fills {MINIMUM[0]}x{MINIMUM[1]} to {LARGEST[0]}x{LARGEST[1]} cells"
        )
    return size


def parse_moment(text: str) -> float | int:
    """A moment of a recording: end, a share as in 50%, or the seq of an event.

    Raises:
        ConfigError: it is none of these.
    """
    if text == "end":
        return 1.0
    number, share = text.removesuffix("%"), text.endswith("%")
    if not (number.isascii() and number.isdigit() and len(number) <= 18) or (share and int(number) > 100):
        raise ConfigError(f"--at {text}: give end, a share of the recording as in 50%, or the seq of an event")
    return int(number) / 100 if share else int(number)


def position_of(events: Sequence[Event], at: float | int) -> int:
    """How many events have happened at a moment (see View)."""
    if isinstance(at, int):
        return bisect_right([event.seq for event in events], at)
    return round(at * len(events))


def picture(events: Sequence[Event], origin: str, view: View) -> str:
    """The SVG of a moment of a recording. Equal events and views give equal pictures, in one time zone.

    Raises:
        ConfigError: the run has no such env at that moment.
    """
    source = ReplaySource(events, origin=origin, clock=lambda: 0.0)
    source.seek(position_of(events, view.at))
    if view.env_id is not None and view.env_id not in {row.env_id for row in source.snapshot().envs}:
        raise ConfigError(f"--env {view.env_id}: the run has no such env at that moment")
    svg = asyncio.run(_drawn(CockpitApp(source, settings=Settings(theme=view.theme)), view))
    # Some programs drop the spaces, even hard ones, at the ends of a text unless they are told to keep them.
    svg = svg.replace("<text ", '<text xml:space="preserve" ').replace("&#160;", " ")
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


async def _drawn(app: CockpitApp, view: View) -> str:
    """Draw until two pictures are alike, because panels are placed and filled one after the other."""
    async with app.run_test(size=view.size) as pilot:
        await pilot.pause()
        app.bring_up(view.screen)
        await pilot.pause()
        if view.env_id is not None:
            app.look_at(view.env_id)
        last = ""
        while True:
            app.draw_frame()
            app.redraw()
            await pilot.pause(0.05)
            newest = app.export_screenshot(title=f"esper · {view.screen}")
            if newest == last:
                return newest
            last = newest
