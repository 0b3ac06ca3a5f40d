"""`esper note`: what it keeps, shows and refuses, and how `esper runs` shows it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from esper.history import RunDirectory
from esper.history.notes import read_notes

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_what_is_noted_is_shown_there_and_in_the_list(esper: Esper, finished_run: RunDirectory) -> None:
    run = finished_run.path
    assert esper("note", run).stdout == "Nothing was noted about this run.\n"
    done = esper("note", run, "a [red]first[/red] try", "--tag", "keep", "--bookmark", "1=the start")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "a [red]first[/red] try\ntags: keep\nevent 1: the start\n"
    heading, row = esper("runs", run.parent).stdout.splitlines()
    assert heading.split()[-2:] == ["tags", "note"]
    assert row.rstrip().endswith("keep  a [red]first[/red] try")
    (listed,) = map(json.loads, esper("runs", run.parent, "--tag", "keep", "--json").stdout.splitlines())
    assert (listed["tags"], listed["note"]) == (["keep"], "a [red]first[/red] try")
    assert esper("runs", run.parent, "--tag", "other").stdout.startswith("None of the 1 runs")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bookmark", "999999"], "the run has no event of this number: the newest is"),
        (["--bookmark", "x=y"], "write the number of an event, or SEQ=TEXT"),
        (["--untag", "never"], "the run has no tag 'never'"),
        (["new note", "--forget", "3"], "the run has no bookmark at event 3"),
    ],
)
def test_a_mistake_changes_nothing(esper: Esper, finished_run: RunDirectory, arguments: list[str], said: str) -> None:
    before = read_notes(finished_run.path)
    done = esper("note", finished_run.path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert read_notes(finished_run.path) == before
