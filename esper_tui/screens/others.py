"""The screens whose panels are tiles: policy, runs, attribution, events, system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.binding import BindingType

from esper_tui.screens.base import CockpitScreen, Panel, bindings_of
from esper_tui.screens.layout import Box, Layout, tiles
from esper_tui.state.metrics import POLICY_METRICS
from esper_tui.widgets.chart import ChartView
from esper_tui.widgets.log_panel import LogPanel
from esper_tui.widgets.module_panels import ModulePanel, ModuleSlotPanel, PairPanel, PopulationPanel
from esper_tui.widgets.policy_screen_panels import CriticPanel, HeadsPanel, MetricChart, ObservationPanel
from esper_tui.widgets.run_panels import (
    AccuracyByRound,
    EpisodeTable,
    ReturnByRound,
    RoundsPanel,
    listed_episodes,
)
from esper_tui.widgets.system_panels import (
    GovernorPanel,
    MaskPanel,
    PhasePanel,
    PrintedPanel,
    RewardHealthPanel,
    ThroughputPanel,
)


class ChartScreen(CockpitScreen):
    """A screen whose charts share a view."""

    def action_zoom(self, steps: int) -> None:
        view = self.view.focus.view
        self._look(replace(view, zoom=min(max(view.zoom + steps, 0), 8)))

    def action_log_scale(self) -> None:
        view = self.view.focus.view
        self._look(replace(view, log=not view.log))

    def action_smooth(self) -> None:
        view = self.view.focus.view
        self._look(replace(view, smooth=not view.smooth))

    def _look(self, view: ChartView) -> None:
        self.view.look(replace(self.view.focus, view=view))
        self.show_panels()


class PolicyScreen(ChartScreen):
    """A chart per figure of the updates above; heads, critic and observations below."""

    NAME: ClassVar = "policy"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("policy")

    def make_panels(self) -> Sequence[Panel]:
        charts = [MetricChart(entry) for entry in POLICY_METRICS]
        return [*charts, HeadsPanel(id="heads"), CriticPanel(id="critic"), ObservationPanel(id="observations")]

    def places(self, width: int, height: int) -> Layout:
        names = [f"chart-{entry.metric.name.replace('_', '-')}" for entry in POLICY_METRICS]
        tables = ["heads", "critic", "observations"]
        if width < 110 or height < 26:
            return tiles(["heads", *names, *tables[1:]], width, height, front=self.front, smallest=(36, 8))
        below = 12 if height < 40 else height * 2 // 5
        layout = tiles(names, width, height - below, front=self.front, smallest=(width // 4, 6))
        side = (width * 2 // 5, width * 3 // 10)
        boxes = (side[0], side[1], width - side[0] - side[1])
        left = 0
        for name, room in zip(tables, boxes, strict=True):
            layout[name] = Box(left, height - below, room, below)
            left += room
        return layout


class RunsScreen(ChartScreen):
    """The rounds of every group, and the episodes worth looking at."""

    NAME: ClassVar = "runs"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("runs")

    def make_panels(self) -> Sequence[Panel]:
        return [
            EpisodeTable(id="episodes"),
            RoundsPanel(id="rounds"),
            AccuracyByRound(id="accuracy"),
            ReturnByRound(id="returns"),
        ]

    def places(self, width: int, height: int) -> Layout:
        names = ["episodes", "rounds", "accuracy", "returns"]
        return tiles(names, width, height, front=self.front, smallest=(58, 12))

    async def action_open(self) -> None:
        """Open the episode at the cursor, at its peak."""
        key = self.query_one(EpisodeTable).cursor_key
        episodes = listed_episodes(self._frame.snapshot) if self._frame is not None else ()
        if key is not None and key < len(episodes):
            episode = episodes[key]
            self.view.look(
                replace(self.view.focus, env_id=episode.env_id, episode=episode, epoch=episode.peak_epoch or None)
            )
            await super().action_open()


class AttributionScreen(CockpitScreen):
    """What modules were worth over the run."""

    NAME: ClassVar = "attribution"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("attribution")

    def make_panels(self) -> Sequence[Panel]:
        return [
            ModulePanel(id="modules"),
            ModuleSlotPanel(id="module-slots"),
            PairPanel(id="pairs"),
            PopulationPanel(id="population"),
        ]

    def places(self, width: int, height: int) -> Layout:
        names = ["module-slots", "pairs", "population"]
        if width < 110 or height < 26:
            return tiles(["modules", *names], width, height, front=self.front, smallest=(72, 10))
        upper = min(16, height // 2)
        layout = {"modules": Box(0, 0, width, upper)}
        left, rooms = 0, (width * 2 // 5, width * 3 // 10, width - width * 2 // 5 - width * 3 // 10)
        for name, room in zip(names, rooms, strict=True):
            layout[name] = Box(left, upper, room, height - upper)
            left += room
        return layout


class EventsScreen(CockpitScreen):
    """The event log over the whole screen."""

    NAME: ClassVar = "events"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("events")

    def make_panels(self) -> Sequence[Panel]:
        return [LogPanel(id="log")]

    def places(self, width: int, height: int) -> Layout:
        return {"log": Box(0, 0, width, height)}


class SystemScreen(CockpitScreen):
    """Time, throughput, governor, rewards, masks, and what was printed."""

    NAME: ClassVar = "system"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("system")

    def make_panels(self) -> Sequence[Panel]:
        return [
            PhasePanel(id="phases"),
            ThroughputPanel(id="throughput"),
            RewardHealthPanel(id="reward-health"),
            GovernorPanel(id="governor"),
            MaskPanel(id="masks"),
            PrintedPanel(id="printed"),
        ]

    def places(self, width: int, height: int) -> Layout:
        names = ["phases", "throughput", "reward-health", "governor", "masks", "printed"]
        return tiles(names, width, height, front=self.front, smallest=(58, 10))
