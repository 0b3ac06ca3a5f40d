from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from esper.history import read_events
from esper.history.codec import event_from_json

Esper = Callable[..., subprocess.CompletedProcess[str]]
SAMPLE = Path(__file__).parents[2] / "samples" / "original" / "events.jsonl"


def test_a_file_of_the_original_becomes_a_run(esper: Esper, tmp_path: Path) -> None:
    done = esper("import", SAMPLE, "--runs-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "20261123T165324Z-original"
    assert done.stdout.splitlines()[-1] == str(run)
    assert "60 lines: 55 have a counterpart today, 5 were kept aside." in done.stdout
    assert len(read_events(run)) == 56
    again = esper("import", SAMPLE, "--runs-dir", tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == f"esper: error: {run} exists already: give the path of a new directory\n"
    resumed = esper("train", "--resume", run)
    assert resumed.returncode == 2


def test_it_is_replayed_without_being_imported_first(esper: Esper) -> None:
    summary = esper("replay", SAMPLE, "--no-tui")
    assert summary.returncode == 0, summary.stderr
    assert "by the original system, 56 events" in summary.stdout
    assert "kept aside: this type is not known" in summary.stdout
    events = esper("replay", SAMPLE, "--json")
    assert len([event_from_json(line) for line in events.stdout.splitlines()]) == 56
    assert "5 were kept aside" in events.stderr
    report = esper("report", SAMPLE)
    assert "value_collapse" in report.stdout


def test_other_files_are_refused(esper: Esper, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("{}\n")
    refused = esper("import", other)
    assert refused.returncode == 2
    assert "is not an events.jsonl of the original system" in refused.stderr
