"""A report as one self-contained page: no script, no request to another host, readable on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from esper.export.report_tables import ReportTable, report_tables
from esper.export.run_report import RunReport
from esper.telemetry.events import BatchStats

_WIDTH: Final = 640
_HEIGHT: Final = 220
_MARGIN: Final = 40
_COLOURS: Final = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#4b5563")
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 1rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
svg { width: 100%; height: auto; }
svg text { font-size: 12px; fill: currentColor; }
"""


def report_page(report: RunReport, run_id: str, ending: str) -> str:
    """The page's text.

    ending: how the run ended, in one sentence.
    """
    started = report.started
    about = "" if started is None else f"{started.task}, preset {started.preset}, seed {started.seed}. "
    parts = [f"<h1>{escape(run_id)}</h1>", f"<p>{escape(about + ending)}</p>", _plot(report.rounds)]
    parts += [_table(table) for table in report_tables(report)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(run_id)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _table(table: ReportTable) -> str:
    title = f"<h2>{escape(table.title)}</h2>"
    if not table.rows:
        return f"{title}\n<p>None.</p>"
    head = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f'{title}\n<div class="wide"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'


def _plot(groups: dict[str, list[BatchStats]]) -> str:
    """The mean validation accuracy of every round as a drawing, one line per policy group."""
    values = [stats.avg_accuracy for rounds in groups.values() for stats in rounds]
    if not values:
        return "<p>No round is complete.</p>"
    low, high = min(values), max(values)
    last = max(stats.batch for rounds in groups.values() for stats in rounds)
    lines = [
        _line(rounds, last, low, high, _COLOURS[number % len(_COLOURS)]) + _key(name, number, len(groups))
        for number, (name, rounds) in enumerate(groups.items())
    ]
    return (
        f'<h2>Validation accuracy by round, %</h2>\n<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="Validation accuracy from {low:.1f} to {high:.1f} percent over {last} rounds">\n'
        f'<text x="0" y="{_MARGIN}">{high:.1f}</text><text x="0" y="{_HEIGHT - _MARGIN}">{low:.1f}</text>'
        f'<text x="{_MARGIN}" y="{_HEIGHT - 12}">1</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="{_HEIGHT - 12}" text-anchor="end">round {last}</text>\n'
        + "\n".join(lines)
        + "\n</svg>"
    )


def _line(rounds: Sequence[BatchStats], last: int, low: float, high: float, colour: str) -> str:
    across, up = (_WIDTH - 2 * _MARGIN) / max(1, last - 1), (_HEIGHT - 2 * _MARGIN) / ((high - low) or 1.0)
    places = [
        (_MARGIN + (stats.batch - 1) * across, _HEIGHT - _MARGIN - (stats.avg_accuracy - low) * up) for stats in rounds
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'


def _key(name: str, number: int, groups: int) -> str:
    """The name of a line, in a run with several groups."""
    if groups == 1:
        return ""
    colour = _COLOURS[number % len(_COLOURS)]
    return f'<text x="{_MARGIN + 90 * number}" y="16" style="fill:{colour}">{escape(name)}</text>'
