"""All benchmarks by name, and which of their cases run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch

from esper.bench import fleet
from esper.bench.cases import fixed_names, is_fleet_case, sweep_names
from esper.bench.timing import Comparison
from esper.contracts.validation import ConfigError


class Measure(Protocol):
    """Runs one case; a case may give several figures."""

    def __call__(self, name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One subject. ours, theirs: what the two sides are. cases: run when none is named. sweep: run besides on request.

    accepts: is this name a case of the benchmark, listed or not.
    """

    name: str
    title: str
    ours: str
    theirs: str
    cases: tuple[str, ...]
    sweep: tuple[str, ...]
    accepts: Callable[[str], bool]
    measure: Measure


BENCHMARKS: Final[dict[str, Benchmark]] = {
    "fleet": Benchmark(
        name="fleet",
        title="training: a fleet against a loop of plain modules",
        ours="fleet",
        theirs="loop",
        cases=fixed_names(),
        sweep=sweep_names(),
        accepts=is_fleet_case,
        measure=fleet.measure,
    ),
}


def chosen_cases(benchmark: Benchmark, names: Sequence[str], *, sweep: bool) -> tuple[str, ...]:
    """The cases to run: those named, or the fixed ones, and those of the sweep besides if asked.

    Raises:
        ConfigError: the benchmark has no case of that name.
    """
    for name in names:
        if not benchmark.accepts(name):
            raise ConfigError(_unknown(name, [benchmark]))
    return tuple(dict.fromkeys([*(names or benchmark.cases), *(benchmark.sweep if sweep else ())]))


def benchmarks_of(names: Sequence[str]) -> list[tuple[Benchmark, tuple[str, ...]]]:
    """Every benchmark with those of the named cases that are its own; with all its fixed cases when none is named.

    Raises:
        ConfigError: no benchmark has a case of that name.
    """
    every = list(BENCHMARKS.values())
    if not names:
        return [(one, one.cases) for one in every]
    for name in names:
        if not any(one.accepts(name) for one in every):
            raise ConfigError(_unknown(name, every))
    found = [(one, tuple(name for name in names if one.accepts(name))) for one in every]
    return [(one, cases) for one, cases in found if cases]


def _unknown(name: str, benchmarks: Iterable[Benchmark]) -> str:
    known = [case for one in benchmarks for case in (*one.cases, *one.sweep)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(dict.fromkeys(known))}"
    return f"there is no benchmark case {name!r}: {hint}"
