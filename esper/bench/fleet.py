"""`esper bench fleet`: E hosts as one tensor program against E plain PyTorch training loops.

The competitor is `esper.fleet.plain.env`, with channels_last, an optimiser and gradient clipping for each host, and no
needless waiting.
"""

from __future__ import annotations

import torch

from esper.bench.cases import FleetCase, fleet_case
from esper.bench.sides import build_sides, for_all, make_images
from esper.bench.timing import Comparison, Work, rates, time_both, wait_for


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Time one case: forward, backward, clip and step of every host and seed, in images per second."""
    case = fleet_case(name)
    ours, theirs = training(case, device)
    seconds = time_both(ours, theirs, repeats=repeats)
    images = case.envs * case.shape.batch_size * case.steps
    return (rates(seconds, bench="fleet", case=name, units=images, unit="images/s", work=case.work),)


def training(case: FleetCase, device: torch.device) -> tuple[Work, Work]:
    """One call of each side, to be timed. Both see the same minibatches, which all hosts share."""
    sides = build_sides(case, device)
    single = [make_images(case, device, count=case.shape.batch_size)] * case.steps
    stacked = [for_all(batch, case.envs) for batch in single]

    def ours() -> None:
        sides.fleet.train_epoch(stacked)
        wait_for(device)

    def theirs() -> None:
        for twin in sides.plain:
            twin.train_epoch(single)
        wait_for(device)

    return ours, theirs
