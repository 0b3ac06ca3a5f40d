from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from esper.history import RunDirectory

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_the_table_has_the_whole_name_in_a_narrow_terminal(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("runs", finished_run.path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    row = done.stdout.splitlines()[1].split()
    assert row[:4] == [finished_run.run_id, "ended", "digits", "digits"]
    assert row[4:7] == ["0/20", "--", "--"]


def test_json_is_one_object_per_run(esper: Esper, finished_run: RunDirectory, unfinished_run: RunDirectory) -> None:
    done = esper("runs", finished_run.path.parent, "--json")
    runs = {run["path"]: run for run in map(json.loads, done.stdout.splitlines())}
    assert runs[str(finished_run.path)]["state"] == "ended"
    assert runs[str(unfinished_run.path)]["state"] == "cut off"
    assert runs[str(unfinished_run.path)]["best_accuracy"] is None


def test_a_folder_that_is_not_there_is_a_mistake(esper: Esper, tmp_path: Path) -> None:
    done = esper("runs", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.startswith(f"esper: error: there is no folder {tmp_path / 'run'}")


def test_an_empty_folder_says_so(esper: Esper, tmp_path: Path) -> None:
    done = esper("runs", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"There are no runs in {tmp_path}. `esper train` makes one.\n")


def test_listing_imports_no_torch(finished_run: RunDirectory) -> None:
    code = (
        "import sys\n"
        "from esper.cli.main import app\n"
        f"app(['runs', {str(finished_run.path)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'textual'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
