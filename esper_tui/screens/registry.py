"""The screens by name, in the order of their number keys; the first is the one that a run opens with."""

from __future__ import annotations

from typing import Final

from esper_tui.screens.base import CockpitScreen
from esper_tui.screens.detail import DetailScreen
from esper_tui.screens.envs import EnvsScreen
from esper_tui.screens.others import AttributionScreen, EventsScreen, PolicyScreen, RunsScreen, SystemScreen

SCREENS: Final[tuple[type[CockpitScreen], ...]] = (
    EnvsScreen,
    PolicyScreen,
    RunsScreen,
    AttributionScreen,
    EventsScreen,
    SystemScreen,
    DetailScreen,
)
