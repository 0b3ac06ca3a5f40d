"""Damage in a file of the original is an error of one line; whatever is imported can be read again and reduced."""

from __future__ import annotations

import json
from pathlib import Path

from fuzzing import assert_said_well, cases, damage
from mutations import Tree, mutate

from esper.errors import HistoryError
from esper.history import read_events
from esper.history.legacy.importing import import_original
from esper_tui.state.aggregator import Aggregator

SAMPLE = Path(__file__).parents[2] / "samples" / "original" / "events.jsonl"
LINES = SAMPLE.read_text().splitlines()
PYTHONS_OWN = {f'"{name}"': name for name in ("NaN", "Infinity", "-Infinity")}


def written(document: Tree) -> str:
    """As the original wrote it, with Python's own names for what is no number."""
    text = json.dumps(document)
    for quoted, bare in PYTHONS_OWN.items():
        text = text.replace(quoted, bare)
    return text


def test_a_damaged_file_is_one_line_or_is_imported_and_reduced(tmp_path: Path) -> None:
    for number, stream in enumerate(cases("original", 25)):
        source, run = tmp_path / f"{number}.jsonl", tmp_path / f"run-{number}"
        lines = list(LINES)
        for place in stream.sample(range(len(lines)), stream.choice((1, 2, 6))):
            document = json.loads(lines[place])
            mutate(document, stream, "data")
            lines[place] = written(document)
        content = "".join(f"{line}\n" for line in lines).encode()
        source.write_bytes(content if number % 2 else damage(SAMPLE.read_bytes(), stream))
        try:
            import_original(source, run, run_id="run")
        except HistoryError as error:
            assert_said_well(error)
            assert not run.exists()
            continue
        aggregator = Aggregator()
        for event in read_events(run):
            aggregator.apply(event)
        aggregator.snapshot()
