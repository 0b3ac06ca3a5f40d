"""What was measured about algorithms on this machine, kept in the user's cache folder.

If the file is missing, damaged or cannot be written, nothing is lost but time: the next run measures again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from esper.contracts.files import read_file
from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm
from esper.layers.native.build import cache_folder

_FILE: Final = "algorithms.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way of computing.

    milliseconds: the duration of a training step of the measured shape, or None if this way does not work here.
    """

    algorithm: StackedAlgorithm
    milliseconds: float | None


def recall(key: str) -> tuple[Candidate, ...] | None:
    """What was measured for this key, one candidate per algorithm, or None if any algorithm is missing."""
    entry = _table(_read().get(key))
    times = _table(entry.get("milliseconds"))
    if set(times) != set(ALGORITHMS) or not any(isinstance(time, float) for time in times.values()):
        return None
    candidates: list[Candidate] = []
    for algorithm in ALGORITHMS:
        time = times[algorithm]
        candidates.append(Candidate(algorithm=algorithm, milliseconds=time if isinstance(time, float) else None))
    return tuple(candidates)


def remember(key: str, shape: str, candidates: Sequence[Candidate]) -> None:
    """Keep a measurement.

    shape: what was measured, in words, for people who read the file.
    """
    entry = {"shape": shape, "milliseconds": {one.algorithm: one.milliseconds for one in candidates}}
    path = _path()
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(_read() | {key: entry}, indent=1), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def _read() -> dict[str, object]:
    try:
        return _table(cast("object", json.loads(read_file(_path()))))
    except (OSError, ValueError):
        return {}


def _table(value: object) -> dict[str, object]:
    """A JSON object; anything else has no keys."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _path() -> Path:
    return cache_folder() / _FILE
