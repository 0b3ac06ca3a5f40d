"""`esper bench scaling`: speed, memory and operator calls for growing E, against what E fleets of one env would take.

Every E is measured in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Final

import torch

from esper.bench.cases import FleetCase, fleet_case
from esper.bench.operator_calls import operator_calls
from esper.bench.sides import build_fleet, for_all, make_images
from esper.bench.timing import Comparison, spread, time_each, wait_for
from esper.fleet.fleet import Fleet
from esper.layers.batch import Minibatch

ENVS: Final = (1, 2, 4, 8, 16, 32, 64)
CASES: Final = tuple(f"scaling-E{envs}" for envs in ENVS)
STEPS: Final = 20
VALIDATION_IMAGES: Final = 360
_MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One E.

    seconds: the duration of an epoch of the whole fleet, one per repeat.
    memory: how much the peak of memory grew, in bytes.
    calls: the number of operator calls of one training step.
    """

    seconds: tuple[float, ...]
    memory: int
    calls: int


def accepts(name: str) -> bool:
    """Whether this is a case of the benchmark."""
    return _envs(name) is not None


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Measure one case, which gives three figures: NAME-speed, NAME-memory and NAME-calls."""
    envs = _envs(name)
    assert envs is not None, "the suite asks for cases that accepts() knows"
    point, alone = (_in_own_process(one, str(device), torch.get_num_threads(), repeats) for one in (envs, 1))
    return compare(name, envs, point, alone)


def compare(name: str, envs: int, point: Point, alone: Point) -> tuple[Comparison, ...]:
    """Compare E envs together with E times one env alone."""
    case = fleet_case(f"digits-small-E{envs}-seeded")
    work = f"{case.work.rsplit(',', 1)[0]}, epochs of {STEPS} steps and a validation with ablation"
    single = median(alone.seconds)
    ratios = [envs * single / one for one in point.seconds]
    speed = Comparison(
        bench="scaling",
        case=f"{name}-speed",
        ours=envs / median(point.seconds),
        theirs=1.0 / single,
        unit="env-epochs/s",
        ratio=median(ratios),
        spread=spread(ratios),
        work=work,
    )
    memory = _less(f"{name}-memory", point.memory / _MEBIBYTE, envs * alone.memory / _MEBIBYTE, "MiB", work)
    calls = _less(f"{name}-calls", point.calls, envs * alone.calls, "calls/step", work)
    return speed, memory, calls


def measure_here(envs: int, device: torch.device, *, repeats: int) -> Point:
    """Measure one E in this process."""
    case = fleet_case(f"digits-small-E{envs}-seeded")
    _load_code(device)
    before = _memory_now(device)
    fleet = build_fleet(case, device)
    training = [for_all(make_images(case, device, count=case.shape.batch_size), envs)] * STEPS
    validation = [for_all(make_images(case, device, count=VALIDATION_IMAGES), envs)]

    def epoch() -> None:
        fleet.train_epoch(training)
        fleet.evaluate(validation, ablation=True)
        wait_for(device)

    seconds = time_each(epoch, repeats=repeats)
    memory = _memory_peak(device) - before
    return Point(seconds=seconds, memory=memory, calls=_calls_per_step(fleet_of=case, device=device))


def _load_code(device: torch.device) -> None:
    """Train once on two images, so that the fleet is not charged for loading libraries and starting threads."""
    case = fleet_case("digits-small-E1-seeded")
    fleet = build_fleet(case, device)
    batch = for_all(make_images(case, device, count=2), 1)
    fleet.train_epoch([batch])
    fleet.evaluate([batch], ablation=True)


def _calls_per_step(fleet_of: FleetCase, device: torch.device) -> int:
    """The number of calls that one more step adds to a training epoch."""
    fleet = build_fleet(fleet_of, device)
    batch = for_all(make_images(fleet_of, device, count=fleet_of.shape.batch_size), fleet_of.envs)
    fleet.train_epoch([batch])
    two, three = (operator_calls(partial(_train, fleet, [batch] * steps)) for steps in (2, 3))
    return three - two


def _train(fleet: Fleet, batches: Sequence[Minibatch]) -> None:
    fleet.train_epoch(batches)


@cache
def _in_own_process(envs: int, device: str, threads: int, repeats: int) -> Point:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_point, (envs, device, threads, repeats))


def _point(envs: int, device: str, threads: int, repeats: int) -> Point:
    torch.set_num_threads(threads)
    return measure_here(envs, torch.device(device), repeats=repeats)


def _less(case: str, ours: float, theirs: float, unit: str, work: str) -> Comparison:
    return Comparison(
        bench="scaling", case=case, ours=ours, theirs=theirs, unit=unit, ratio=theirs / ours, spread=0.0, work=work
    )


def _memory_now(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    return _status("VmRSS")


def _memory_peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(key: str) -> int:
    """A size of this process in bytes, as Linux reports it. On other systems, the peak so far."""
    listing = Path("/proc/self/status")
    if not listing.exists():
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    (line,) = (line for line in listing.read_text(encoding="utf-8").splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


def _envs(name: str) -> int | None:
    found = re.fullmatch(r"scaling-E([1-9]\d*)", name)
    return None if found is None else int(found[1])
