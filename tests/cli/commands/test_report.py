from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from esper.export.report_page import report_page
from esper.export.report_tables import report_tables
from esper.export.run_report import gather_report
from esper.history import RunDirectory, read_events, read_history
from esper.telemetry.events import EpisodeOutcome, LastAction, SeedGerminated

Esper = Callable[..., subprocess.CompletedProcess[str]]


class Page(HTMLParser):
    """The tables' cells, and every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_cell = tag == "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells.append(data)
            self._in_cell = False


def test_the_figures_are_those_of_the_events(trained: tuple[Path, object]) -> None:
    events = read_events(trained[0])
    report = gather_report(events)
    payloads = [event.payload for event in events]
    ops = Counter(payload.op for payload in payloads if isinstance(payload, LastAction))
    assert {op: count for op, count in report.chosen.items() if count} == dict(ops)
    seeds = Counter(payload.blueprint for payload in payloads if isinstance(payload, SeedGerminated))
    assert {name: tally.germinated for name, tally in report.blueprints.items()} == dict(seeds)
    ended = [payload for payload in payloads if isinstance(payload, EpisodeOutcome)]
    assert report.best_hosts(1)[0][1].final_accuracy == max(payload.final_accuracy for payload in ended)
    assert sum(report.outcomes.values()) == len(ended)
    phases = [phase for line in read_history(trained[0]) if line.timings for phase in line.timings.phases]
    spent = sum(phase.milliseconds for phase in phases if phase.phase == "train")
    assert abs(report.phases["train"] - spent) < 1e-6 * spent


def test_page_and_console_have_the_same_cells(esper: Esper, trained: tuple[Path, object], tmp_path: Path) -> None:
    expected = [
        cell for table in report_tables(gather_report(read_events(trained[0]))) for row in table.rows for cell in row
    ]
    assert len(expected) > 40
    page = tmp_path / "report.html"
    done = esper("report", trained[0], "--html", page)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", "")
    assert Page(page.read_text()).cells == expected
    printed = esper("report", trained[0]).stdout
    assert all(cell in printed for cell in expected)
    assert "The run finished after 3 rounds" in printed


def test_the_page_needs_nothing_from_elsewhere(trained: tuple[Path, object]) -> None:
    page = Page(report_page(gather_report(read_events(trained[0])), "run", "It ended."))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert not any(name in ("src", "href") for _, attributes in page.tags for name in attributes)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags
    (drawing,) = (attributes["points"] for tag, attributes in page.tags if tag == "polyline")
    assert len((drawing or "").split()) == 3


def test_names_are_text_and_not_markup(finished_run: RunDirectory) -> None:
    page = report_page(gather_report(read_events(finished_run.path)), "<script>alert(1)</script>", "a < b")
    assert "<script>" not in page
    assert "a &lt; b" in page


def test_a_run_without_a_complete_round_has_a_report(esper: Esper, finished_run: RunDirectory, tmp_path: Path) -> None:
    assert "No round is complete." in report_page(gather_report([]), "run", "It ended.")
    done = esper("report", finished_run.path)
    assert done.returncode == 0
    assert "Blueprints\nNone.\n" in done.stdout


def test_a_page_that_cannot_be_written_is_a_mistake(esper: Esper, finished_run: RunDirectory, tmp_path: Path) -> None:
    done = esper("report", finished_run.path, "--html", tmp_path / "missing" / "report.html")
    assert done.returncode == 2
    assert "cannot be written: No such file or directory" in done.stderr
