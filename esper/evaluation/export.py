"""Results as files, with one line of JSON or one row of CSV per controller."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from esper.evaluation.records import ControllerResult, Difference, Estimate, Spread
from esper.history.json_text import dump_json
from esper.history.run_directory import make_unused

Cell = str | int | float | None

_SPREADS: Final = (
    "accuracy",
    "reward",
    "parameters",
    "parameters_added",
    "flops",
    "germinated",
    "fossilized",
    "wasted",
)


RESULTS_FILE: Final = "results.jsonl"


def new_folder(runs_dir: Path, preset: str) -> Path:
    """A new folder for the runs of an evaluation that begins now.

    Raises:
        OSError: it cannot be made.
    """
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
    return make_unused(runs_dir, f"{stamp}-evaluate-{preset}")


def write_results(results: Sequence[ControllerResult], folder: Path) -> None:
    """Write one JSON object per controller and line to results.jsonl."""
    lines = "".join(result_to_json(result) + "\n" for result in results)
    (folder / RESULTS_FILE).write_text(lines, encoding="utf-8")


def result_to_json(result: ControllerResult) -> str:
    """The whole result on one line, without the newline. What was not measured is null."""
    return dump_json(asdict(result))


def results_to_csv(results: Sequence[ControllerResult]) -> str:
    """A header and one row per controller. What was not measured is an empty cell."""
    rows = [_cells(result) for result in results]
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _cells(result: ControllerResult) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "controller": result.controller,
        "preset": result.preset,
        "decisions": result.decisions,
        "seeds": len(result.seeds),
        "episodes": result.episodes,
        "epochs": result.epochs,
    }
    cells |= _estimate("test_accuracy", result.test_accuracy)
    cells |= _estimate("worth", result.worth)
    for name in _SPREADS:
        cells |= _spread(name, getattr(result, name))
    cells |= {
        "host_parameters": result.host_parameters,
        "host_flops": result.host_flops,
        "rollbacks": result.rollbacks,
    }
    cells |= _difference("against_static", result.against_static)
    matched = result.matched
    cells["matched_setting"] = None if matched is None else matched.setting
    cells["matched_value"] = None if matched is None else matched.value
    cells["matched_parameters"] = None if matched is None else matched.parameters
    cells["matched_flops"] = None if matched is None else matched.flops
    cells |= _estimate("matched_test_accuracy", None if matched is None else matched.test_accuracy)
    return cells | _difference("against_matched", result.against_matched)


def _estimate(name: str, found: Estimate | None) -> dict[str, Cell]:
    parts = ("mean", "std", "low", "high", "iqm")
    return {f"{name}_{part}": None if found is None else getattr(found, part) for part in parts}


def _spread(name: str, spread: Spread) -> dict[str, Cell]:
    return {f"{name}_mean": spread.mean, f"{name}_std": spread.std}


def _difference(name: str, difference: Difference | None) -> dict[str, Cell]:
    if difference is None:
        return {f"{name}_mean": None, f"{name}_low": None, f"{name}_high": None}
    return {f"{name}_mean": difference.mean, f"{name}_low": difference.low, f"{name}_high": difference.high}
