"""Records filled by type, and a small saved run."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

from esper.history import RunDirectory, open_recording
from esper.telemetry.events import BatchEpochCompleted, EpochCompleted
from esper.training.config import TrainingConfig
from esper.training.vectorized_types import BatchSummary


def _filled(form: object) -> object:
    if form in (int, float, bool, str):
        return {int: 3, float: 0.5, bool: True, str: "text"}[form]
    if get_origin(form) in (types.UnionType, Union):
        return _filled(get_args(form)[0])
    if get_origin(form) is tuple:
        return (_filled(get_args(form)[0]),)
    if get_origin(form) is Literal:
        return get_args(form)[0]
    if isinstance(form, type) and issubclass(form, Enum):
        return next(iter(form))
    assert isinstance(form, type)
    assert is_dataclass(form)
    hints = get_type_hints(form)
    return form(**{f.name: _filled(hints[f.name]) for f in fields(form) if f.default is MISSING})


@pytest.fixture
def make() -> Callable[..., object]:
    """make(SomeRecord, field=value): a record with every other field filled by its type."""
    from dataclasses import replace

    def build(form: type, **changes: object) -> object:
        record = _filled(form)
        return replace(record, **changes)

    return build


@pytest.fixture
def saved_run(tmp_path: Path, make: Callable[..., object]) -> RunDirectory:
    """Two batches of one epoch each: events 1 to 4, summaries after 2 and 4."""
    with open_recording(TrainingConfig(), tmp_path / "runs", clock=lambda: 1000.0) as recording:
        for batch in (1, 2):
            recording.hub.emit(make(EpochCompleted, batch=batch, train_loss=float("nan")))
            recording.hub.emit(make(BatchEpochCompleted, batch=batch))
            recording.on_summary(make(BatchSummary, batch=batch))
    return recording.directory
