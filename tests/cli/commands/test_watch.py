from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.history import RunDirectory
from esper.history.run_list import listed_run

Esper = Callable[..., subprocess.CompletedProcess[str]]
TRAIN = ("train", "--no-tui", "--preset", "digits", "--envs", "1", "--episode-length", "2", "--threads", "1")


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "esper.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rounds(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("round ")]


@pytest.mark.parametrize(
    ("ended_by", "word", "code"), [(signal.SIGTERM, "ENDED: The run stopped", 0), (signal.SIGKILL, "CUT OFF", 1)]
)
def test_watchers_see_every_round_from_the_first_and_the_end(
    tmp_path: Path, ended_by: signal.Signals, word: str, code: int
) -> None:
    writer = start(*TRAIN, "--rounds", "100000", "--runs-dir", tmp_path / "runs")
    with writer:
        assert writer.stdout is not None
        assert any(line.startswith("round") for line in writer.stdout)
        run = next((tmp_path / "runs").iterdir())
        watchers = [start("watch", "--no-tui", run) for _ in range(2)]
        for watcher in watchers:
            assert watcher.stdout is not None
            first = watcher.stdout.readline()
            assert first == "LIVE: another process writes this run; Ctrl-C ends watching, not the run\n"
            assert any(line.startswith("round ") for line in watcher.stdout)
        writer.send_signal(ended_by)
        writer.communicate(timeout=60)
    for watcher in watchers:
        assert watcher.stdout is not None
        with watcher:
            rest = watcher.stdout.read()
        assert watcher.returncode == code
        assert word in rest
        assert "Go on with it: esper train --resume" in rest or ended_by is signal.SIGKILL
        # The first round line was read above, so the rest begins with the second.
        numbers = [int(line.split()[1].split("/")[0]) for line in rounds(rest)]
        assert numbers == list(range(2, (listed_run(run).rounds_completed or 0) + 1))


def test_a_run_that_is_over_is_printed_and_its_end(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("watch", "--no-tui", finished_run.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(rounds(done.stdout)) == 1  # The second has no throughput record.
    assert done.stdout.endswith("ENDED: The run finished after 2 rounds in 1:02:05.\n")


def test_a_run_that_was_cut_off_says_so(esper: Esper, unfinished_run: RunDirectory) -> None:
    done = esper("watch", "--no-tui", unfinished_run.path)
    assert done.returncode == 1
    assert "CUT OFF: The run has no end: it was cut off.\n" in done.stdout
