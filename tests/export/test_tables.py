"""The events of a run as tables: one per kind that occurred, with every event and the columns of the views."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from esper.errors import ConfigError
from esper.export.sql import ask
from esper.export.tables import TableForm, write_tables
from esper.history import read_events

RUN = Path(__file__).parents[1] / "samples" / "version-2"


@pytest.mark.parametrize("form", TableForm)
def test_every_event_is_in_the_table_of_its_kind(form: TableForm, tmp_path: Path) -> None:
    told: list[int] = []
    tables = write_tables(RUN, tmp_path / "tables", form, told.append)
    counts = Counter(event.kind.value.lower() for event in read_events(RUN))
    assert {table.path.stem: table.rows for table in tables} == counts
    assert {table.path for table in tables} == set((tmp_path / "tables").iterdir())


def test_parquet_has_what_the_views_have(tmp_path: Path) -> None:
    write_tables(RUN, tmp_path / "tables", TableForm.PARQUET)
    for view in ("epoch_completed", "last_action", "training_started", "batch_stats"):
        rows = duckdb.sql(f"SELECT * FROM '{tmp_path / 'tables' / view}.parquet'")
        answer = ask([RUN], f"SELECT * FROM {view} ORDER BY seq")
        assert tuple(rows.columns) == answer.columns
        assert rows.fetchall() == list(answer.rows)


def test_lines_are_json_for_every_reader(tmp_path: Path) -> None:
    write_tables(RUN, tmp_path / "tables", TableForm.JSONL)
    for file in (tmp_path / "tables").iterdir():
        for line in file.read_text(encoding="ascii").splitlines():
            row = json.loads(line, parse_constant=pytest.fail)
            assert list(row)[:6] == ["run", "seq", "time", "group_id", "severity", "rank"]


def test_cells_of_csv_hold_lists_as_json(tmp_path: Path) -> None:
    write_tables(RUN, tmp_path / "tables", TableForm.CSV)
    with (tmp_path / "tables" / "last_action.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(json.loads(row["heads"])[0]["head"] for row in rows)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists: name a new folder"):
        write_tables(RUN, tmp_path, TableForm.CSV)


def test_nothing_is_left_of_tables_that_could_not_be_finished(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "events.jsonl").write_bytes((RUN / "events.jsonl").read_bytes()[:-40] + b"\n")
    with pytest.raises(Exception, match="damaged"):
        write_tables(run, tmp_path / "tables", TableForm.JSONL)
    assert [place.name for place in tmp_path.iterdir()] == ["run"]


def test_the_command_lists_the_tables_and_names_the_folder(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "esper", "export", str(RUN), "--to", "csv"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "version-2-csv"
    assert (tmp_path / "version-2-csv" / "batch_stats.csv").exists()
    refused = subprocess.run([*words, "--host", "last"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "--host chooses a network, and --to csv writes events" in refused.stderr
