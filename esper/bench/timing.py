"""Timing two ways of doing the same work: interleaved in one run, medians of several, spread told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One case of a benchmark. ours, theirs: medians. ratio: how many times better ours is. spread: half the range of
    the per-repeat ratios, relative to their median.
    """

    bench: str
    case: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    spread: float


def compare(
    bench: str, case: str, *, ours: Callable[[], None], theirs: Callable[[], None], work: float, unit: str, repeats: int
) -> Comparison:
    """Time both in turn, after one untimed run of each. work: units done per call, so that more is better."""
    ours()
    theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(repeats)]
    ratios = sorted(slow / fast for fast, slow in pairs)
    middle = median(ratios)
    return Comparison(
        bench=bench,
        case=case,
        ours=work / median(fast for fast, _ in pairs),
        theirs=work / median(slow for _, slow in pairs),
        unit=unit,
        ratio=middle,
        spread=(ratios[-1] - ratios[0]) / (2 * middle),
    )


def _seconds(work: Callable[[], None]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
