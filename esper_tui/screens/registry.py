"""The screens by name, in the order of their number keys; the first is the one that a run opens with."""

from __future__ import annotations

from typing import Final

from esper_tui.screens.base import CockpitScreen
from esper_tui.screens.detail import DetailScreen
from esper_tui.screens.envs import EnvsScreen

SCREENS: Final[tuple[type[CockpitScreen], ...]] = (EnvsScreen, DetailScreen)
