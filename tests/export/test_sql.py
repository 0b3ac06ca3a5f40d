"""SQL over recorded runs: one view per kind of event."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from esper.errors import ConfigError
from esper.export.sql import ask
from esper.history import read_events
from esper.telemetry.events import BatchStats, EventKind, LastAction

SAMPLES = Path(__file__).parents[1] / "samples"
RUN = SAMPLES / "version-2"


def test_a_view_holds_the_fields_of_its_events() -> None:
    answer = ask([RUN], "SELECT run, batch, avg_return, skipped_update FROM batch_stats ORDER BY seq")
    events = [event.payload for event in read_events(RUN)]
    stats = [one for one in events if isinstance(one, BatchStats)]
    assert answer.columns == ("run", "batch", "avg_return", "skipped_update")
    assert answer.rows == tuple((RUN.name, one.batch, one.avg_return, one.skipped_update) for one in stats)


def test_lists_of_records_can_be_unnested() -> None:
    actions = [event.payload for event in read_events(RUN) if isinstance(event.payload, LastAction)]
    expected = sorted({head.head for one in actions for head in one.heads})
    answer = ask([RUN], "SELECT DISTINCT h.head FROM last_action, unnest(heads) AS t(h) ORDER BY 1")
    assert [head for (head,) in answer.rows] == expected


def test_every_kind_is_a_view_also_if_it_never_occurred() -> None:
    tables = {name for (name,) in ask([RUN], "SHOW TABLES").rows}
    assert tables == {kind.value.lower() for kind in EventKind}
    assert ask([RUN], "SELECT count(*) FROM sink_detached").rows == ((0,),)


def test_several_runs_of_several_versions_are_asked_together() -> None:
    answer = ask([RUN, SAMPLES / "version-1"], "SELECT run, count(*) FROM training_started GROUP BY run ORDER BY run")
    assert answer.rows == (("version-1", 1), ("version-2", 1))


def test_a_query_that_duckdb_refuses_is_one_error() -> None:
    with pytest.raises(ConfigError, match=r"the query cannot be answered: .*avg_retrun"):
        ask([RUN], "SELECT avg_retrun FROM batch_stats")


def test_a_statement_that_selects_nothing_gives_no_rows() -> None:
    assert ask([RUN], "CREATE TABLE mine (x INTEGER)").rows == ()


def test_without_duckdb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"needs duckdb, which is not installed: pip install 'esper-grow\[query\]'"):
        ask([RUN], "SELECT 1")


def test_the_command_prints_a_table_and_json() -> None:
    sql = "SELECT batch, avg_test_accuracy AS test FROM batch_stats ORDER BY batch"
    words = [sys.executable, "-m", "esper", "query", str(RUN), "--sql", sql]
    plain = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout.split()[:2] == ["batch", "test"]
    rows = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [json.loads(row)["batch"] for row in rows] == [1, 2]
