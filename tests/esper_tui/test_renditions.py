"""Every screen in every state of a run at every size, as text: what it says is compared by its digest.

The digests are in renditions.json. After a change that is wanted, look at the pictures and renew them:
RENDITIONS=/tmp/renditions pytest tests/esper_tui/test_renditions.py writes each text that differs, and the new digests.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from pathlib import Path

import pytest
from states import STATES

from esper_tui.app import CockpitApp
from esper_tui.screens.registry import SCREENS

SIZES = [(80, 24), (120, 36), (160, 45), (200, 60)]
DIGESTS = Path(__file__).with_name("renditions.json")
CELL = 12.2
"""The width of a cell in Textual's SVG."""

TEXT = re.compile(r'<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')


def rendition(svg: str, width: int) -> list[str]:
    """The rows of a picture as text."""
    rows: dict[float, list[str]] = {}
    for x, y, text in TEXT.findall(svg):
        row = rows.setdefault(float(y), [" "] * width)
        start = round(float(x) / CELL)
        for place, character in enumerate(html.unescape(text).replace("\xa0", " ")):
            if start + place < width:
                row[start + place] = character
    return ["".join(row).rstrip() for _, row in sorted(rows.items())]


async def renditions(app: CockpitApp) -> dict[str, list[str]]:
    """What each screen says at each size."""
    found: dict[str, list[str]] = {}
    async with app.run_test(size=SIZES[0]) as pilot:
        await pilot.pause()
        for size in SIZES:
            await pilot.resize_terminal(*size)
            for kind in SCREENS:
                app.bring_up(kind.NAME)
                await pilot.pause()
                app.draw_frame()
                app.redraw()
                await pilot.pause()
                svg = app.export_screenshot(simplify=True)
                body = svg[svg.index('clip-path="url(#') :]
                found[f"{kind.NAME} {size[0]}x{size[1]}"] = rendition(body, size[0])
    return found


def digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]


@pytest.mark.parametrize("state", [name for name in STATES if name not in ("cut-off", "64-envs")])
async def test_every_screen_says_what_it_said(state: str, tmp_path: Path) -> None:
    known: dict[str, dict[str, str]] = json.loads(DIGESTS.read_text(encoding="utf-8"))
    found = await renditions(STATES[state]())
    for name, rows in found.items():
        size = name.partition(" ")[2]
        assert len(rows) <= int(size.partition("x")[2]), name
        assert any(word in rows[0] for word in ("REPLAY", "LIVE", "PAUSED", "STARTING", "ENDED")), name
        assert "? help" in rows[-1], name
    folder = Path(os.environ.get("RENDITIONS", tmp_path))
    new = {name: digest(rows) for name, rows in found.items()}
    changed = [name for name, one in new.items() if known.get(state, {}).get(name) != one]
    for name in changed:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{state} {name}.txt".replace(" ", "_")).write_text("\n".join(found[name]) + "\n", encoding="utf-8")
    if changed and "RENDITIONS" in os.environ:
        DIGESTS.write_text(json.dumps({**known, state: new}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert not changed, f"these renditions differ, and are now in {folder}: {', '.join(changed)}"
