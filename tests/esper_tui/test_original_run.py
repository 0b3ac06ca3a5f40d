"""A file of the original plays in the cockpit, on every screen and at every position."""

from __future__ import annotations

from pathlib import Path

from esper.history import read_events
from esper.history.legacy.importing import import_original
from esper_tui.app import CockpitApp
from esper_tui.sources.replay import ReplaySource

SAMPLE = Path(__file__).parents[1] / "samples" / "original" / "events.jsonl"


async def test_every_position_of_an_imported_run_can_be_drawn(tmp_path: Path) -> None:
    events = read_events(import_original(SAMPLE, tmp_path / "run", run_id="run").path)
    source = ReplaySource(events, origin="run", clock=lambda: 0.0)
    app = CockpitApp(source)
    async with app.run_test(size=(140, 50)) as pilot:
        for key in ("1", "2", "3", "4", "5", "enter"):
            await pilot.press(key)
            for position in range(0, len(events) + 1, 4):
                source.seek(position)
                app.draw_frame()
                await pilot.pause(0)
        await pilot.press("1")
        source.seek(len(events))
        app.draw_frame()
        await pilot.pause()
        picture = app.export_screenshot()
    assert "cifar_baseline" in picture
    assert "REPLAY" in picture
