"""Results as JSON lines, CSV and a picture."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from xml.etree import ElementTree

from rich.console import Console

from esper.cli.console.evaluation_table import differences_table, figures_table
from esper.evaluation.evaluate import RunDone
from esper.evaluation.export import result_to_json, results_to_csv
from esper.evaluation.picture import results_to_svg
from esper.evaluation.records import ControllerResult, Spread

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
        assert document["test_accuracy"] == {"mean": result.test_accuracy.mean, "std": result.test_accuracy.std}
    assert json.loads(result_to_json(without_match(evaluated[0][0])))["matched"] is None


def test_csv_has_a_row_per_controller_and_empty_cells_for_what_is_missing(evaluated: Evaluated) -> None:
    schedule = evaluated[0][1]
    full, bare = csv.DictReader(io.StringIO(results_to_csv([schedule, without_match(schedule)])))
    assert float(full["test_accuracy_mean"]) == schedule.test_accuracy.mean
    assert float(full["against_static_low"]) == schedule.against_static.low
    assert full["matched_setting"] == "host.base_channels"
    assert (bare["matched_value"], bare["against_matched_mean"], bare["matched_test_accuracy_std"]) == ("", "", "")
    assert None not in full.values()


def test_the_picture_is_sound_and_shows_every_controller(evaluated: Evaluated) -> None:
    odd = replace(evaluated[0][1], controller='<a & "b">')
    root = ElementTree.fromstring(results_to_svg([*evaluated[0], odd, without_match(odd)]))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"static", "schedule", "random", '<a & "b">'} <= set(texts)
    # a dot per controller, one per matched host, two in the legend
    assert len(list(root.iter(f"{SVG}circle"))) == 5 + 4 + 2
    width = float(root.attrib["width"])
    assert all(0 <= float(dot.attrib["cx"]) <= width for dot in root.iter(f"{SVG}circle"))


def test_better_is_further_right(evaluated: Evaluated) -> None:
    low, high = (
        replace(without_match(evaluated[0][0]), test_accuracy=Spread(mean=mean, std=None)) for mean in (20.0, 60.0)
    )
    root = ElementTree.fromstring(results_to_svg([low, high]))
    first, second = [float(dot.attrib["cx"]) for dot in root.iter(f"{SVG}circle")][:2]
    assert first < second


def test_a_picture_of_one_exact_figure_is_drawn_too(evaluated: Evaluated) -> None:
    for mean in (0.0, 50.0, 100.0):
        only = replace(without_match(evaluated[0][0]), test_accuracy=Spread(mean=mean, std=0.0))
        ElementTree.fromstring(results_to_svg([only]))


def test_the_tables_fit_eighty_columns(evaluated: Evaluated) -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)
    console.print(figures_table(evaluated[0]))
    console.print(differences_table([*evaluated[0], without_match(evaluated[0][2])]))
    text = out.getvalue()
    assert "…" not in text
    for result in evaluated[0]:
        assert f"{result.test_accuracy.mean:.1f} ±" in text
    assert "--" in text
    assert "host.base_channels" in text
