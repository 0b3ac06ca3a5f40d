from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from esper.history import RunDirectory, read_events
from esper.history.codec import event_from_json
from esper.history.sealing import seal, unseal

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_json_is_the_events_one_per_line(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("replay", finished_run.path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [event_from_json(line) for line in done.stdout.splitlines()] == read_events(finished_run.path)
    lines = finished_run.events_path.read_bytes().splitlines()[1:]
    assert done.stdout.encode() == b"".join(unseal(line) + b"\n" for line in lines)


def test_json_ends_quietly_when_the_reader_of_the_pipe_leaves(finished_run: RunDirectory) -> None:
    header, *lines = finished_run.events_path.read_text().splitlines()
    first = json.loads(lines[0])
    del first["crc"]
    many = (seal(json.dumps(first | {"seq": seq})) for seq in range(1, 20_000))
    finished_run.events_path.write_text("\n".join([header, *many]) + "\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "esper.cli.main", "replay", str(finished_run.path), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        assert json.loads(process.stdout.readline())["seq"] == 1
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 141


def test_json_reports_a_torn_tail_beside_the_events(esper: Esper, finished_run: RunDirectory) -> None:
    with finished_run.events_path.open("a") as file:
        file.write('{"seq":99,')
    done = esper("replay", finished_run.path, "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
    assert done.stderr == "esper: the file ends in an unfinished line, which was left out\n"


def test_damaged_file_is_one_line_and_exit_code_2(esper: Esper, finished_run: RunDirectory) -> None:
    finished_run.events_path.write_text(finished_run.events_path.read_text() + seal('{"seq":6}') + "\n")
    done = esper("replay", finished_run.path, "--no-tui")
    assert done.returncode == 2
    assert done.stderr == f"esper: error: {finished_run.events_path}, line 7: time is missing: expected a value\n"


def test_summary_shows_facts_rounds_and_end(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("replay", finished_run.path, "--no-tui")
    assert (done.returncode, done.stderr) == (0, "")
    assert finished_run.run_id in done.stdout
    assert "2 hosts of 1,442 parameters" in done.stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert rows == [
        ["1", "45.5", "47.2", "51.0", "-1.50", "1.23", "3/2/1", "312.0"],
        ["2", "45.5", "--", "51.0", "-1.50", "--", "3/2/1", "--"],
    ]
    assert done.stdout.endswith("The run finished after 2 rounds in 1:02:05.\n")


def test_summary_of_a_run_that_was_cut_off(esper: Esper, unfinished_run: RunDirectory) -> None:
    done = esper("replay", unfinished_run.events_path)
    assert done.returncode == 0
    assert done.stderr == "esper: stdin, stdout, stderr: no terminal, so the cockpit stays closed\n"
    assert "The run has no end: it was cut off, or it is still running." in done.stdout


@pytest.mark.parametrize("option", ["--json", "--no-tui"])
def test_replay_on_the_console_imports_no_torch(finished_run: RunDirectory, option: str) -> None:
    code = (
        "import sys\n"
        "from esper.cli.main import app\n"
        f"app(['replay', {str(finished_run.path)!r}, {option!r}], standalone_mode=False)\n"
        "assert not {'torch', 'textual'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
