"""Every error that Esper raises for its users: one family, each with its exit code.

The command line ends with that code. A broken invariant of Esper's own is an AssertionError and not part of the family:
it is a defect, and its traceback is wanted.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

RUN_FAILED: Final = 1
USER_MISTAKE: Final = 2


class EsperError(Exception):
    """Something that the user can act on: the message is one line that says what is wrong, where, and what to do.

    exit_code: the code that the command line ends with.
    """

    exit_code: ClassVar[int] = RUN_FAILED


class ConfigError(EsperError, ValueError):
    """A configuration value or an argument that the user must change."""

    exit_code: ClassVar[int] = USER_MISTAKE


class SavedDataError(EsperError, ValueError):
    """Something that was saved cannot be used. Damaged logs and damaged checkpoints are its two kinds."""

    exit_code: ClassVar[int] = USER_MISTAKE


class HistoryError(SavedDataError):
    """A run directory or a log in it cannot be used; the message names the file, the line and what is wrong."""


class CheckpointError(SavedDataError):
    """A checkpoint is missing, damaged, or of another version; the message names its folder."""


class ControlError(EsperError, RuntimeError):
    """A run that another process trains cannot be asked for something; the message names the run and the reason."""

    exit_code: ClassVar[int] = USER_MISTAKE


class RecordError(SavedDataError):
    """A document does not fit the record that it should hold.

    path: where in the document, for example payload.heads[2].entropy; empty for the document itself.
    value: what was found there.
    expected: what is allowed there, in words.
    """

    def __init__(self, path: str, value: object, expected: str, *, problem: str) -> None:
        super().__init__(f"{path or 'the document'} {problem}")
        self.path = path
        self.value = value
        self.expected = expected


class TelemetryWriteError(EsperError, RuntimeError):
    """The record of the run cannot be written (a full disk, for example), so the run ends."""


class RankError(EsperError, RuntimeError):
    """The processes that train a run together cannot go on: one is gone, or they disagree."""


class SkippedUpdatesError(EsperError, RuntimeError):
    """So many updates in a row were skipped that the controller no longer learns.

    causes: one per update, in order.
    """

    def __init__(self, causes: Sequence[str]) -> None:
        self.causes = tuple(causes)
        distinct = "; ".join(dict.fromkeys(causes))
        super().__init__(
            f"{len(self.causes)} PPO updates in a row were skipped, so the controller no longer learns: {distinct}. "
            "Look at the rewards and the governor's rollbacks of these batches, or lower ppo.learning_rate"
        )


def is_own(part: object) -> bool:
    """Whether a function or a class is Esper's own, whose defects deserve their traceback, and not a plug-in's."""
    return str(getattr(part, "__module__", "")).partition(".")[0] == "esper"


def in_one_line(error: BaseException) -> str:
    """An error that somebody else's code raised: its kind, its text and the place, for a message about that code."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else f"{text[:197]}..."
    if isinstance(error, EsperError):
        return text
    if isinstance(error, SyntaxError):  # It says where by itself.
        return f"{type(error).__name__}: {text}"
    places = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {text}{where}" if text else f"{type(error).__name__}{where}"
