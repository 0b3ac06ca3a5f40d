"""How a run ended, in words, and what can be done next."""

from __future__ import annotations

from pathlib import Path

from esper.cli.console.formatting import duration
from esper.contracts.text import printable
from esper.errors import ConfigError, SavedDataError
from esper.history.checkpoint_files import open_checkpoint
from esper.history.tail import last_event
from esper.telemetry.events import RunEnd, TrainingEnded


def ending_text(ended: TrainingEnded | None) -> str:
    """One sentence on how a run ended.

    ended: the last event of the run, or None if it has no such event.
    """
    if ended is None:
        return "The run has no end: it was cut off."
    rounds = "1 round" if ended.batches_completed == 1 else f"{ended.batches_completed} rounds"
    text = f"The run {ended.end.value} after {rounds} in {duration(ended.wall_seconds)}"
    if ended.error:
        return f"{text}: {printable(ended.error)}"
    return f"{text}, by {ended.signal}." if ended.signal else f"{text}."


def ending_lines(run: Path) -> list[str]:
    """How a run that nobody writes ended, and from where it can go on.

    Raises:
        HistoryError: the log's last line is wrong.
    """
    event = last_event(run)
    ended = event.payload if event is not None and isinstance(event.payload, TrainingEnded) else None
    lines = [ending_text(ended)]
    if ended is None or ended.end is not RunEnd.FINISHED:
        lines.append(_way_on(run))
    return lines


def _way_on(run: Path) -> str:
    try:
        checkpoint = open_checkpoint(run)
    except (ConfigError, SavedDataError):
        return "It has no checkpoint from which it could go on."
    rounds = checkpoint.manifest.rounds_completed
    return f"It is saved up to round {rounds}. Go on with it: esper train --resume {run}"
