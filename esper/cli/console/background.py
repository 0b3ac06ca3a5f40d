"""Starts a run in the background, and says how to follow it and how to stop it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from esper.cli.streams import say
from esper.process.console_log import CONSOLE_LOG
from esper.process.detach import start_detached


def train_in_background(arguments: Sequence[str]) -> int:
    """Start the command with these arguments, which contain --detach, without a terminal.

    Stdout gets the run's directory, as at the end of a run in the foreground.

    Returns:
        0 once the run is being recorded, or the exit code of a command that ended before.
    """
    kept = [argument for argument in arguments if argument != "--detach"]
    started = start_detached([*kept, "--no-tui", "--on-hangup=continue"])
    if started.run is None:
        return started.code or 0
    run = shlex.quote(str(started.run))
    say(f"esper: process {started.pid} trains in the background, and what it says is in {CONSOLE_LOG}")
    say(f"esper: follow it with  esper watch {run}")
    say(f"esper: stop it with    esper stop {run}  (it saves its last complete round)")
    print(started.run)
    return 0
