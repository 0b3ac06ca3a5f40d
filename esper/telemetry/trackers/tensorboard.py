"""The tracker `tensorboard`: event files in the run's folder, for `tensorboard --logdir runs`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

from tensorboard.summary.writer.event_file_writer import EventFileWriter

from esper.telemetry.trackers.figures import Figures
from esper.telemetry.trackers.sink import TrackedRun

FOLDER: Final = "tensorboard"
_FLUSH_SECONDS: Final = 5

# The classes of protocol buffers are made at import, so type checkers do not know them.
_Message = Callable[..., object]
_EVENTS: Final = import_module("tensorboard.compat.proto.event_pb2")
_SUMMARIES: Final = import_module("tensorboard.compat.proto.summary_pb2")
_Event: Final = cast("_Message", _EVENTS.Event)
_SessionLog: Final = cast("_Message", _EVENTS.SessionLog)
_Summary: Final = cast("_Message", _SUMMARIES.Summary)
_Value: Final = cast("_Message", _SUMMARIES.Summary.Value)
_START: Final = cast("int", _EVENTS.SessionLog.START)


class TensorboardTracker:
    """Writes scalars. When a run goes on, TensorBoard drops what an earlier file says of rounds played again."""

    def __init__(self, run: TrackedRun) -> None:
        self._writer = EventFileWriter(str(run.path / FOLDER), flush_secs=_FLUSH_SECONDS)
        self._writer.add_event(_Event(session_log=_SessionLog(status=_START), step=run.first_batch))

    def log(self, figures: Figures) -> None:
        """Write the figures as scalars."""
        values = [_Value(tag=name, simple_value=value) for name, value in figures.values.items()]
        self._writer.add_event(_Event(wall_time=figures.time, step=figures.batch, summary=_Summary(value=values)))

    def close(self) -> None:
        """Write everything out."""
        self._writer.close()
