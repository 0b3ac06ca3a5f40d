"""Results as JSON lines, CSV and a picture."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from esper.cli.console.evaluation_table import against_table, differences_table, figures_table
from esper.errors import ConfigError
from esper.evaluation.evaluate import RunDone
from esper.evaluation.export import result_to_json, results_to_csv
from esper.evaluation.picture import check_can_draw, draw_results
from esper.evaluation.records import ControllerResult

Evaluated = tuple[tuple[ControllerResult, ...], list[RunDone]]

SVG = "{http://www.w3.org/2000/svg}"


def without_match(result: ControllerResult) -> ControllerResult:
    return replace(result, matched=None, against_matched=None)


def test_one_complete_object_per_controller(evaluated: Evaluated) -> None:
    for result in evaluated[0]:
        line = result_to_json(result)
        assert "\n" not in line
        document = json.loads(line)
        assert set(document) == {item.name for item in fields(ControllerResult)}
        assert document["test_accuracy"] == asdict(result.test_accuracy)
        assert len(document["against"]) == len(evaluated[0]) - 1
    assert json.loads(result_to_json(without_match(evaluated[0][0])))["matched"] is None


def test_csv_has_a_row_per_controller_and_empty_cells_for_what_is_missing(evaluated: Evaluated) -> None:
    schedule = evaluated[0][1]
    full, bare = csv.DictReader(io.StringIO(results_to_csv([schedule, without_match(schedule)])))
    assert float(full["test_accuracy_mean"]) == schedule.test_accuracy.mean
    assert float(full["against_static_low"]) == schedule.against_static.low
    assert full["matched_setting"] == "host.base_channels"
    assert (bare["matched_value"], bare["against_matched_mean"], bare["matched_test_accuracy_low"]) == ("", "", "")
    assert None not in full.values()


def test_the_picture_shows_every_controller(evaluated: Evaluated, tmp_path: Path) -> None:
    odd = replace(evaluated[0][1], controller='<a & "$b">')
    draw_results([*evaluated[0], odd, without_match(odd)], tmp_path / "results.svg")
    root = ElementTree.fromstring((tmp_path / "results.svg").read_text())
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for name in ("static", "schedule", "random", '<a & "$b">', "+0 parameters", "static host of the same size"):
        assert name in words, name


@pytest.mark.parametrize("name", ["results.png", "results.pdf", "RESULTS.SVG"])
def test_other_forms(evaluated: Evaluated, tmp_path: Path, name: str) -> None:
    check_can_draw(tmp_path / name)
    draw_results(evaluated[0], tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000


def test_a_form_that_does_not_exist_is_refused_before_the_first_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"results\.bmp cannot be drawn: end its name in \.svg"):
        check_can_draw(tmp_path / "results.bmp")


def test_the_tables_fit_eighty_columns(evaluated: Evaluated) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)
    console.print(figures_table(evaluated[0]))
    console.print(differences_table([*evaluated[0], without_match(evaluated[0][2])]))
    console.print(against_table(evaluated[0]))
    text = out.getvalue()
    assert "…" not in text
    for result in evaluated[0]:
        assert f"{result.test_accuracy.mean:.1f} [" in text
    assert "--" in text
    assert "host.base_channels" in text
