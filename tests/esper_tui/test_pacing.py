"""The screen draws less often when drawing costs more than its share."""

from __future__ import annotations

import pytest
from scripted_run import ScriptedRun

from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.pacing import SHARE, DrawingBudget
from esper_tui.sources.live import LiveSource
from esper_tui.widgets.header import HeaderPanel

EVENTS = ScriptedRun(envs=4, epochs=6, rounds=2).events()


class Clocks:
    """CPU time and time, as a test says; the trainer works for a share of the time."""

    used = 0.0
    now = 0.0
    busy = 1.0

    def budget(self) -> DrawingBudget:
        return DrawingBudget(used=lambda: self.used, worked=lambda: self.busy * self.now, clock=lambda: self.now)


@pytest.mark.parametrize(("cost", "pictures"), [(0.002, 400), (0.012, 210), (0.020, 125), (0.5, 100)])
def test_pictures_come_as_often_as_their_cost_allows(cost: float, pictures: int) -> None:
    clocks = Clocks()
    budget = clocks.budget()
    drawn = 0
    for _ in range(400):
        clocks.now += 0.25
        if budget.allows():
            drawn += 1
            clocks.used += cost
    assert drawn == pytest.approx(pictures, rel=0.06)
    assert cost > 0.03 or clocks.used <= SHARE * clocks.now + 2 * cost


def test_a_trainer_that_gets_little_time_is_left_most_of_it_and_there_is_a_picture_each_second() -> None:
    clocks = Clocks()
    clocks.busy = 0.3
    budget = clocks.budget()
    drawn = 0
    for _ in range(400):
        clocks.now += 0.25
        if budget.allows():
            drawn += 1
            clocks.used += 0.005
    assert drawn == pytest.approx(150, rel=0.06)
    clocks.busy, drawn = 0.0, 0
    for _ in range(400):
        clocks.now += 0.25
        drawn += budget.allows()
        clocks.used += 0.01
    assert drawn == pytest.approx(100, rel=0.06)


async def test_a_run_that_trains_is_drawn_within_the_budget_and_skipped_pictures_are_not_missed() -> None:
    clocks = Clocks()
    source = LiveSource(control=RunControl(), origin="x", clock=lambda: clocks.now)
    budget = clocks.budget()
    app = CockpitApp(source, frame_seconds=3600, budget=budget)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        source.accept(EVENTS[0])
        app.tick()
        before = app.screen.query_one(HeaderPanel).lines
        clocks.used += 1.0
        for event in EVENTS[1:100]:
            source.accept(event)
        clocks.now += 0.25
        app.tick()
        assert app.screen.query_one(HeaderPanel).lines == before
        for _ in range(8):
            clocks.now += 0.25
            app.tick()
        after = app.screen.query_one(HeaderPanel).lines
        assert after != before
        assert source.poll() is None
        assert source.status(source.latest()).dropped == 0, "what was skipped on purpose is not missed"
        clocks.used += 1.0
        source.control.pause()
        clocks.now += 0.25
        app.tick()
        assert app.screen.query_one(HeaderPanel).lines != after, "a paused trainer does not wait for the screen"
