"""Times two ways of doing the same work, interleaved within one run, and reports medians with their spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

Work = Callable[[], None]
"""Does the work of one side once, and returns when it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One case of a benchmark.

    ours, theirs: the medians, in unit.
    ratio: how many times better ours is, whether more or less of the unit is better.
    spread: half the range of the single repeats' ratios, relative to their median.
    work: what both sides did, with exact shapes.
    """

    bench: str
    case: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    spread: float
    work: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """The times of both sides, in the order of the repeats."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times faster ours was in each repeat."""
        return tuple(theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True))


def time_both(ours: Work, theirs: Work, *, repeats: int) -> Seconds:
    """Time both in turn, after one untimed run of each."""
    ours()
    theirs()
    pairs = [(seconds_of(ours), seconds_of(theirs)) for _ in range(repeats)]
    return Seconds(ours=tuple(pair[0] for pair in pairs), theirs=tuple(pair[1] for pair in pairs))


def time_each(work: Work, *, repeats: int) -> tuple[float, ...]:
    """Time one piece of work several times, after one untimed run."""
    work()
    return tuple(seconds_of(work) for _ in range(repeats))


def rates(seconds: Seconds, *, bench: str, case: str, units: float, unit: str, work: str) -> Comparison:
    """A comparison of rates, of which more is better.

    units: the number of units of work that one call of each side did.
    """
    return Comparison(
        bench=bench,
        case=case,
        ours=units / median(seconds.ours),
        theirs=units / median(seconds.theirs),
        unit=unit,
        ratio=median(seconds.ratios),
        spread=spread(seconds.ratios),
        work=work,
    )


def durations(seconds: Seconds, *, bench: str, case: str, scale: float, unit: str, work: str) -> Comparison:
    """A comparison of durations, of which less is better.

    scale: the number of units per second, for example 1000 for milliseconds.
    """
    return Comparison(
        bench=bench,
        case=case,
        ours=scale * median(seconds.ours),
        theirs=scale * median(seconds.theirs),
        unit=unit,
        ratio=median(seconds.ratios),
        spread=spread(seconds.ratios),
        work=work,
    )


def spread(values: Sequence[float]) -> float:
    """Half the range of the values, relative to their median."""
    return (max(values) - min(values)) / (2 * median(values))


def wait_for(device: torch.device) -> None:
    """Return when the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(work: Work) -> float:
    """The wall-clock time of one call."""
    started = perf_counter()
    work()
    return perf_counter() - started
