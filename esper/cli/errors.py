"""The errors that the user can fix: they are reported in one line, without a traceback."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

import typer

from esper.cli.streams import say
from esper.contracts.text import printable
from esper.errors import RUN_FAILED, USER_MISTAKE
from esper.process.launch import follower_rank

INTERRUPTED = 130
TRACEBACK_VARIABLE = "ESPER_TRACEBACK"
"""The environment variable with which the author of a plug-in sees the whole traceback of its errors."""


def show_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python does, with control codes escaped: its text may come from a recording or a plug-in."""
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    say("\n".join(map(printable, lines)))


def report(error: Exception) -> int | None:
    """Print on one line of stderr what is wrong, and return the exit code.

    None for an error that is a defect of Esper, or of a plug-in whose author wants to see the traceback.
    """
    from esper.errors import EsperError
    from esper.plugins import blame

    text, code = str(error), USER_MISTAKE
    if isinstance(error, typer.TyperException):
        text = error.format_message()
    elif isinstance(error, EsperError):
        code = error.exit_code
    elif (blamed := blame(error)) is not None:
        if os.environ.get(TRACEBACK_VARIABLE):
            return None
        text, code = f"{blamed} ({TRACEBACK_VARIABLE}=1 shows the whole traceback)", RUN_FAILED
    elif isinstance(error, OSError):  # an unreadable folder, a working directory that is gone, a full disk
        where = "" if error.filename is None else f"{error.filename}: "
        text = f"{where}{error.strerror or error}"
    else:
        return None
    rank = follower_rank()
    if rank is not None and isinstance(error, typer.TyperException):  # The first rank says the same.
        return code
    who = "esper" if rank is None else f"esper: rank {rank}"
    say(f"{who}: error: {printable(' '.join(text.split()))}")
    return code
