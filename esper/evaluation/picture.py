"""Results as a picture: a small SVG, one row per controller, drawn with nothing but text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from esper.evaluation.records import ControllerResult, Spread

WIDTH: Final = 760
_LEFT, _RIGHT, _TOP, _ROW, _BOTTOM = 110, 190, 46, 34, 44
_OURS, _MATCHED, _GRID, _INK = "#1f6feb", "#8a8f98", "#d8dbe0", "#24292f"
_MOST_TICKS: Final = 8


def results_to_svg(results: Sequence[ControllerResult]) -> str:
    """Mean test accuracy of every controller with its standard deviation, and of the static host of equal size."""
    height = _TOP + _ROW * len(results) + _BOTTOM
    scale = _Scale(results)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(_title(results[0]))}</text>',
        *_grid(scale, height),
    ]
    for index, result in enumerate(results):
        parts += _row(result, _TOP + _ROW * index + _ROW // 2, scale)
    return "\n".join((*parts, *_legend(height), "</svg>", ""))


def _title(result: ControllerResult) -> str:
    return (
        f"{result.preset}: test accuracy after {result.epochs} epochs, "
        f"{len(result.seeds)} seeds, {result.episodes} episodes each"
    )


class _Scale:
    """From percent to pixels, over the range that the bars cover."""

    def __init__(self, results: Sequence[ControllerResult]) -> None:
        spreads = [result.test_accuracy for result in results]
        spreads += [result.matched.test_accuracy for result in results if result.matched is not None]
        low = min(spread.mean - (spread.std or 0.0) for spread in spreads)
        high = max(spread.mean + (spread.std or 0.0) for spread in spreads)
        self.step = next(step for step in (1, 2, 5, 10, 20) if (high - low) / step <= _MOST_TICKS)
        self.low = max(0, math.floor(low / self.step) * self.step)
        self.high = min(100, math.ceil(high / self.step) * self.step)
        if self.low == self.high:
            self.low, self.high = max(0, self.low - self.step), min(100, self.high + self.step)

    def x(self, percent: float) -> float:
        share = (min(max(percent, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _grid(scale: _Scale, height: int) -> list[str]:
    bottom = height - _BOTTOM
    lines: list[str] = []
    for percent in range(scale.low, scale.high + 1, scale.step):
        x = scale.x(percent)
        lines.append(f'<line x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{bottom}" stroke="{_GRID}"/>')
        lines.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{percent} %</text>')
    return lines


def _row(result: ControllerResult, y: int, scale: _Scale) -> list[str]:
    added = f"+{result.parameters_added.mean:,.0f} parameters"
    parts = [
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(result.controller)}</text>',
        f'<text x="{WIDTH - _RIGHT + 12}" y="{y + 4}">{result.test_accuracy.mean:.1f} %, {added}</text>',
    ]
    if result.matched is not None:
        parts += _bar(result.matched.test_accuracy, y + 7, scale, _MATCHED, filled=False)
    return parts + _bar(result.test_accuracy, y - 3, scale, _OURS, filled=True)


def _bar(spread: Spread, y: int, scale: _Scale, colour: str, *, filled: bool) -> list[str]:
    deviation = spread.std or 0.0
    low, high, middle = scale.x(spread.mean - deviation), scale.x(spread.mean + deviation), scale.x(spread.mean)
    return [
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{middle}" cy="{y}" r="4" stroke="{colour}" fill="{colour if filled else "white"}"/>',
    ]


def _legend(height: int) -> list[str]:
    y = height - 12
    return [
        f'<circle cx="{_LEFT}" cy="{y - 4}" r="4" fill="{_OURS}"/>',
        f'<text x="{_LEFT + 10}" y="{y}">controller, mean and standard deviation</text>',
        f'<circle cx="{_LEFT + 260}" cy="{y - 4}" r="4" fill="white" stroke="{_MATCHED}"/>',
        f'<text x="{_LEFT + 270}" y="{y}">static host of the same size</text>',
    ]
