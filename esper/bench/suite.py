"""All benchmarks by name, and which of their cases run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch

from esper.bench import ablation, baseline, cockpit, fleet, replay, scaling, update
from esper.bench.cases import fixed_names, is_fleet_case, sweep_names
from esper.bench.timing import Comparison
from esper.errors import ConfigError


class Measure(Protocol):
    """Runs one case. A case may give several figures."""

    def __call__(self, name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One subject.

    ours, theirs: what the two sides are.
    cases: the cases that run if none is named.
    sweep: further cases, which run on request.
    accepts: whether a name is a case of the benchmark, listed or not.
    repeats: how often each side is timed, unless the user says otherwise.
    """

    name: str
    title: str
    ours: str
    theirs: str
    cases: tuple[str, ...]
    sweep: tuple[str, ...]
    accepts: Callable[[str], bool]
    repeats: int
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
        repeats=5,
        measure=fleet.measure,
    ),
    "ablation": Benchmark(
        name="ablation",
        title="validation with ablation: a tree against whole passes",
        ours="tree",
        theirs="whole",
        cases=ablation.CASES,
        sweep=(),
        accepts=ablation.CASES.__contains__,
        repeats=5,
        measure=ablation.measure,
    ),
    "baseline": Benchmark(
        name="baseline",
        title="a whole run against a plain loop that does the same training and validation",
        ours="esper train",
        theirs="loop",
        cases=(baseline.CASE,),
        sweep=(),
        accepts=(baseline.CASE,).__contains__,
        repeats=1,
        measure=baseline.measure,
    ),
    "update": Benchmark(
        name="update",
        title="share of the PPO update in wall-clock",
        ours="share",
        theirs="target",
        cases=(update.CASE,),
        sweep=(),
        accepts=(update.CASE,).__contains__,
        repeats=3,
        measure=update.measure,
    ),
    "scaling": Benchmark(
        name="scaling",
        title="a fleet of E against E fleets of one",
        ours="fleet",
        theirs="E of one",
        cases=scaling.CASES,
        sweep=(),
        accepts=scaling.accepts,
        repeats=5,
        measure=scaling.measure,
    ),
    "replay": Benchmark(
        name="replay",
        title="a long recording, replayed",
        ours="replay",
        theirs="goal",
        cases=replay.CASES,
        sweep=(),
        accepts=replay.CASES.__contains__,
        repeats=3,
        measure=replay.measure,
    ),
    "cockpit": Benchmark(
        name="cockpit",
        title="training in the cockpit against the same training without it",
        ours="cockpit",
        theirs="headless",
        cases=cockpit.CASES,
        sweep=(),
        accepts=cockpit.CASES.__contains__,
        repeats=5,
        measure=cockpit.measure,
    ),
}


def chosen_cases(benchmark: Benchmark, names: Sequence[str], *, sweep: bool) -> tuple[str, ...]:
    """The cases to run: those named, or else the fixed ones, and also those of the sweep if requested.

    Raises:
        ConfigError: the benchmark has no case of that name.
    """
    for name in names:
        if not benchmark.accepts(name):
            raise ConfigError(_unknown(name, [benchmark]))
    return tuple(dict.fromkeys([*(names or benchmark.cases), *(benchmark.sweep if sweep else ())]))


def benchmarks_of(names: Sequence[str]) -> list[tuple[Benchmark, tuple[str, ...]]]:
    """Every benchmark with its own among the named cases, or with all its fixed cases if none is named.

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
