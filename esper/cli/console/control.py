"""Asks a run of another process, and says what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from esper.console import PlainConsole
from esper.control.client import ask
from esper.control.messages import Action, Answer
from esper.errors import ControlError
from esper.history.checkpoint_files import open_checkpoint
from esper.history.retention import checkpoint_folders
from esper.history.run_lock import is_locked

_POLL_SECONDS: Final = 0.1


def ask_run(run: Path, action: Action, wait: float) -> int:
    """Ask a run, print how it stands, and return the exit code of the command.

    wait: the most seconds that a checkpoint may take.

    Raises:
        ControlError: nobody trains the run, or its process does not answer.
    """
    answer = ask(run, action)
    if action is Action.CHECKPOINT:
        return _report_checkpoint(run, answer, wait)
    print(f"Process {answer.pid} {standing(answer)}.")
    return 0


def standing(answer: Answer) -> str:
    """What the process is doing, in words that follow its name."""
    if answer.stopping:
        return "ends after this epoch"
    pause = "is paused" if answer.paused else "is training"
    return f"{pause}, and ends after this round" if answer.stopping_after_round else pause


def _report_checkpoint(run: Path, answer: Answer, wait: float) -> int:
    """Wait until the checkpoint is written, and say which round it holds; returns 1 if it is not written in time."""
    print(f"Asked process {answer.pid} to save its last complete round.", flush=True)
    deadline = time.monotonic() + wait
    with PlainConsole(stderr=True).status("waiting for the checkpoint"):
        while answer.checkpoint_due and _is_due(run):
            if time.monotonic() >= deadline:
                print(f"It has not been saved after {wait:g} s. The process does it when its epoch is over.")
                return 1
            time.sleep(_POLL_SECONDS)
    print(_saved(run))
    return 0


def _is_due(run: Path) -> bool:
    """Whether the checkpoint is still to be written. A run that has ended meanwhile has written its last one."""
    try:
        return ask(run, Action.STATUS).checkpoint_due
    except ControlError:
        if is_locked(run):
            raise
        return False


def _saved(run: Path) -> str:
    if not checkpoint_folders(run):
        return "There is nothing to save yet: its first round is not complete."
    checkpoint = open_checkpoint(run)
    return f"It is saved up to round {checkpoint.manifest.rounds_completed}: {checkpoint.path}"
