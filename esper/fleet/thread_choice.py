"""Whether hosts train faster with all threads of the process or with one: measured at the start of a run.

On a machine that others use too, threads that wait for each other can make a step many times slower than one thread
alone. Small hosts gain nothing from several threads on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Final

import torch

from esper.fleet.autotune import FleetShape, choose_algorithm, training_step
from esper.fleet.config import ConvAlgorithm

_SECONDS: Final = 0.2
_FEWEST_STEPS: Final = 3
_WORTH: Final = 0.9
"""The largest share of one thread's time in which several must be done, for the others are somebody else's."""


def settle_threads(shape: FleetShape, setting: ConvAlgorithm) -> None:
    """Let torch and the native kernels compute with one thread, if that is about as fast as with those set before.

    setting: that of fleet.conv_algorithm.
    """
    several = torch.get_num_threads()
    if several == 1 or shape.device.type != "cpu":
        return
    step = training_step(shape, choose_algorithm(shape, setting).algorithm)
    with_several = _typical_seconds(step)
    torch.set_num_threads(1)
    if with_several < _WORTH * _typical_seconds(step):
        torch.set_num_threads(several)


def _typical_seconds(step: Callable[[], None]) -> float:
    """The median, and not the shortest time, since the luck of a moment says nothing about a busy machine."""
    step()  # warms up
    times: list[float] = []
    while len(times) < _FEWEST_STEPS or sum(times) < _SECONDS:
        started = perf_counter()
        step()
        times.append(perf_counter() - started)
    return median(times)
