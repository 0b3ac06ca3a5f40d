"""Measures what watchers cost a run: `python tools/cost_of_watchers.py [PAIRS] [ROUNDS] [WATCHERS]`.

Runs of one seed alternate, one alone and one with watchers in processes of their own. Of each it takes the CPU seconds
of the writer, and the wall-clock time of its rounds. On a machine with fewer cores than processes, the second figure
says how they share the cores; the first says what watching costs the writer itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from esper.history import iterate_events
from esper.telemetry.events import Throughput

ESPER = [sys.executable, "-m", "esper"]
SETTINGS = ["--preset=digits_impaired", "--no-tui", "--threads=1", "--envs=4", "--episode-length=10"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def measure(watchers: int, rounds: int) -> tuple[float, float]:
    """CPU seconds of the writer, and seconds of all its rounds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*ESPER, "train", *SETTINGS, f"--rounds={rounds}", f"--runs-dir={folder}"]
        writer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        while not (logs := list(Path(folder).glob("*/events.jsonl"))):
            time.sleep(0.02)
        run = logs[0].parent
        watching = [
            subprocess.Popen([*ESPER, "watch", "--no-tui", str(run)], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
            for _ in range(watchers)
        ]
        _, status, used = os.wait4(writer.pid, 0)
        writer.returncode = os.waitstatus_to_exitcode(status)
        codes = [writer.returncode, *(one.wait() for one in watching)]
        assert not any(codes), codes
        speeds = [event.payload for event in iterate_events(run) if isinstance(event.payload, Throughput)]
        return used.ru_utime + used.ru_stime, sum(one.wall_ms for one in speeds) / 1e3


def main(pairs: int = 5, rounds: int = 30, watchers: int = 3) -> None:
    found: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for pair in range(pairs):
        first = measure(watchers if pair % 2 else 0, rounds)
        second = measure(0 if pair % 2 else watchers, rounds)
        alone, watched = (second, first) if pair % 2 else (first, second)
        found.append((alone, watched))
        print(f"alone {alone[0]:.2f} CPU s, {alone[1]:.2f} s; watched {watched[0]:.2f} CPU s, {watched[1]:.2f} s")
    cpu = median(watched[0] / alone[0] for alone, watched in found)
    wall = median(watched[1] / alone[1] for alone, watched in found)
    print(f"with {watchers} watchers, median of {pairs}: {cpu:.3f} of the CPU seconds, {wall:.3f} of the time")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
