from __future__ import annotations

import subprocess
from collections.abc import Callable

from esper.history import RunDirectory
from esper.history.run_lock import RunLock

Esper = Callable[..., subprocess.CompletedProcess[str]]


def test_it_says_what_it_would_do_and_then_does_it(esper: Esper, unfinished_run: RunDirectory) -> None:
    path = unfinished_run.path
    whole = unfinished_run.events_path.read_bytes()
    unfinished_run.events_path.write_bytes(whole + b'{"crc":"12')
    unfinished_run.history_path.unlink()
    would = esper("repair", path, "--dry-run")
    assert (would.returncode, would.stderr) == (0, "")
    assert would.stdout.splitlines() == [
        "events.jsonl: an unfinished line of 10 bytes would be cut off.",
        "history.jsonl: it is missing; it would be written anew from the events.",
        f"{path} has 2 events and 0 complete rounds.",
    ]
    assert unfinished_run.events_path.read_bytes() != whole
    done = esper("repair", path)
    assert done.stdout == would.stdout.replace("would be", "was")
    assert unfinished_run.events_path.read_bytes() == whole
    again = esper("repair", path)
    assert again.stdout == f"{path} has 2 events and 0 complete rounds, and nothing to repair.\n"


def test_a_live_run_is_refused(esper: Esper, unfinished_run: RunDirectory) -> None:
    lock = RunLock(unfinished_run.path)
    for option in ((), ("--dry-run",)):
        refused = esper("repair", unfinished_run.path, *option)
        assert refused.returncode == 2
        assert "is being written by process" in refused.stderr
    lock.close()
