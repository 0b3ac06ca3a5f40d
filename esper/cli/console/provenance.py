"""How a run was made, as rows of text."""

from __future__ import annotations

import shlex
from itertools import islice
from pathlib import Path
from typing import Final

from esper.cli.console.formatting import NOT_MEASURED
from esper.console import PlainConsole
from esper.contracts.text import printable
from esper.history.provenance import GitState, Provenance
from esper.history.reader import open_events
from esper.plugins import PluginRecord
from esper.telemetry.events import TrainingStarted

_DIGITS: Final = 12
"""The digits of a commit or digest that are shown; the files hold all of them."""


def print_provenance(run: Path) -> None:
    """Print how a run was made, one fact a row. What its files do not say shows as --.

    Raises:
        HistoryError: there is no run, or its log is damaged at its start.
    """
    reader = open_events(run)
    first = next(islice(reader.lines(), 1), None)
    header = reader.header
    started = first.payload if first is not None and isinstance(first.payload, TrainingStarted) else None
    rows = {"run": header.run_id, "created": header.created, "esper": header.package_version}
    rows |= _started_rows(started) | _made_rows(header.provenance)
    console = PlainConsole()
    for name, value in rows.items():
        console.print(printable(f"{name:17} {value}"), soft_wrap=True)


def _started_rows(started: TrainingStarted | None) -> dict[str, str]:
    if started is None:
        return dict.fromkeys(("data", "device", "threads", "blas", "layers"), NOT_MEASURED)
    return {
        "data": f"{started.task}, sha256 {_short(started.data_digest)}",
        "device": started.device,
        "threads": NOT_MEASURED if started.threads is None else str(started.threads),
        "blas": started.blas or NOT_MEASURED,
        "layers": started.conv_algorithm or NOT_MEASURED,
    }


def _made_rows(made: Provenance | None) -> dict[str, str]:
    if made is None:
        return {"made": f"{NOT_MEASURED} (these files do not say how the run was made)"}
    return {
        "command": shlex.join(made.command),
        "directory": made.directory,
        "host name": made.host_name,
        "platform": made.platform,
        "processor": f"{made.processors} x {made.processor}",
        "python": made.python,
        "torch": made.torch,
        "numpy": made.numpy,
        "compiler": made.compiler or NOT_MEASURED,
        "git of directory": _git(made.project),
        "git of esper": _git(made.source),
        "plug-ins": ", ".join(map(_plugin, made.plugins)) or "none",
    }


def _git(state: GitState | None) -> str:
    if state is None:
        return "no repository"
    changed = ", with changes that are not in it" if state.dirty else ""
    return f"commit {_short(state.commit)} of {state.folder}{changed}"


def _plugin(record: PluginRecord) -> str:
    return f"{record.module} {record.version or '(no version)'} sha256 {_short(record.digest)}"


def _short(digest: str | None) -> str:
    return NOT_MEASURED if digest is None else digest[:_DIGITS]
