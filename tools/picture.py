"""Make docs/cockpit.svg: the cockpit on a saved run, in the middle of a round.

python tools/picture.py RUN [--round N] [--epoch T]
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from esper.history import read_events
from esper.telemetry.events import EpochCompleted
from esper_tui.app import CockpitApp
from esper_tui.sources.replay import ReplaySource

TARGET = Path(__file__).resolve().parent.parent / "docs" / "cockpit.svg"
SIZE = (120, 36)


async def picture(run: Path, batch: int, epoch: int) -> str:
    """The SVG of the main screen just after this epoch of this round was acted on."""
    events = read_events(run)
    source = ReplaySource(events, origin=f"runs/{run.name}", clock=lambda: 0.0)
    past = [
        position
        for position, event in enumerate(events)
        if isinstance(event.payload, EpochCompleted) and (event.payload.batch, event.payload.epoch) > (batch, epoch)
    ]
    source.seek(past[0] if past else len(events))
    app = CockpitApp(source)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("down", "down")
        await pilot.pause(1.0)
        return app.export_screenshot(title="esper replay")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--round", type=int, default=1)
    parser.add_argument("--epoch", type=int, default=1)
    options = parser.parse_args()
    svg = asyncio.run(picture(options.run, options.round, options.epoch))
    TARGET.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    print(TARGET)


if __name__ == "__main__":
    main()
