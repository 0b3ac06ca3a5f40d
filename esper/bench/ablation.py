"""`esper bench ablation`: one pass over a tree of ablation configurations against one whole pass for each of them.

Every env holds three active seeds, all BLENDING, so that no configuration equals another. This is the most expensive
case. The other side validates the same fleet eight times as it is, each time with the seeds of one configuration only.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import torch

from esper.bench.cases import SHAPES, FleetCase
from esper.bench.growth import BLENDING
from esper.bench.sides import build_fleet, for_all, make_images
from esper.bench.timing import Comparison, Work, durations, time_both, wait_for
from esper.fleet.fleet import Fleet

_SLOTS: Final = 3
_ENVS: Final = 8
_BATCHES: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "ablation-3slots-factorial": ("cifar-b128", (512,)),
    "ablation-3slots-factorial-digits": ("digits-wide", (360,)),
}
"""The shape and the evaluation minibatches that the presets use for CIFAR and for the digits' validation split."""

CASES: Final = tuple(_BATCHES)


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Time one case, in milliseconds per validation of the whole fleet."""
    shape, sizes = _BATCHES[name]
    case = FleetCase(name=name, shape=SHAPES[shape], envs=_ENVS, seeded=True, steps=len(sizes))
    ours, theirs = validation(case, sizes, device)
    seconds = time_both(ours, theirs, repeats=repeats)
    work = f"{case.envs} envs, evaluation B {', '.join(map(str, sizes))}, {2**_SLOTS} configurations; {case.work}"
    return (durations(seconds, bench="ablation", case=name, scale=1e3, unit="ms", work=work),)


def validation(case: FleetCase, sizes: tuple[int, ...], device: torch.device) -> tuple[Work, Work]:
    """One call of each side, to be timed."""
    batches = [for_all(make_images(case, device, count=size), case.envs) for size in sizes]
    whole = fleets_of_each_configuration(case, device)
    grown = build_fleet(case, device, stages=(BLENDING,) * _SLOTS)

    def ours() -> None:
        grown.evaluate(batches, ablation=True)
        wait_for(device)

    def theirs() -> None:
        for fleet in whole:
            fleet.evaluate(batches, ablation=False)
        wait_for(device)

    return ours, theirs


def fleets_of_each_configuration(case: FleetCase, device: torch.device) -> list[Fleet]:
    """Fleets of equal weights, each without the seeds that its configuration switches off."""
    fleets: list[Fleet] = []
    for on in product((True, False), repeat=_SLOTS):
        fleet = build_fleet(case, device, stages=(BLENDING,) * _SLOTS)
        for env in range(case.envs):
            fleet.set_controls(env, [BLENDING if one else None for one in on])
        fleets.append(fleet)
    return fleets
