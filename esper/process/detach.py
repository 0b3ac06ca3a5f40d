"""Runs a command in the background: a process of its own session, which no closing terminal can reach."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.process.console_log import ConsoleLog

_READY: Final = "ESPER_READY_DESCRIPTOR"
"""The environment variable that names the pipe through which the background process reports its run's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """A background process.

    run: the directory of its run; None if it ended before it had one.
    code: its exit code if it has ended, or None.
    """

    pid: int
    run: Path | None
    code: int | None


def start_detached(arguments: Sequence[str]) -> Detached:
    """Start the command line with these arguments in the background, and wait until its run is being recorded.

    Until then the process speaks on this process's stderr, so that an error is seen; after that, in its console.log.
    """
    readable, writable = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "esper", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[writable],
        env=os.environ | {_READY: str(writable)},
    )
    os.close(writable)
    with open(readable, encoding="utf-8", errors="surrogateescape") as pipe:
        line = pipe.readline()
    if not line:
        return Detached(pid=process.pid, run=None, code=process.wait())
    return Detached(pid=process.pid, run=Path(line.rstrip("\n")), code=None)


def report_ready(run: Path) -> None:
    """In a background process: move to the run's console log, and let the starter go. Elsewhere nothing happens."""
    descriptor = os.environ.pop(_READY, None)
    if descriptor is None:
        return
    ConsoleLog(run).replace_output()
    with open(int(descriptor), "w", encoding="utf-8", errors="surrogateescape") as pipe:
        pipe.write(f"{run}\n")
