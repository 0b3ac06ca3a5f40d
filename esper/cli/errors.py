"""The errors that the user can fix: they are reported in one line, without a traceback."""

from __future__ import annotations

import sys

import typer

USER_MISTAKE = 2
RUN_FAILED = 1
INTERRUPTED = 130


def report(error: Exception) -> int | None:
    """Print on one line of stderr what is wrong, and return the exit code. None for an error that is a defect."""
    from esper.errors import ConfigError, HistoryError, SkippedUpdatesError, TelemetryWriteError

    text = str(error)
    if isinstance(error, typer.TyperException):
        text, code = error.format_message(), USER_MISTAKE
    elif isinstance(error, ConfigError | HistoryError):
        code = USER_MISTAKE
    elif isinstance(error, TelemetryWriteError | SkippedUpdatesError):
        code = RUN_FAILED
    else:
        return None
    print(f"esper: error: {' '.join(text.split())}", file=sys.stderr)
    return code
