"""How the layers of a fleet compute: the fastest way is measured on this machine for each shape, and remembered.

No single way wins everywhere, so a training step of the host is timed in every way that works here. The choice is kept
in the user's cache folder, so a shape is measured once per machine, and equal runs make equal choices.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from time import perf_counter
from typing import Final, Literal

import torch
import torch.nn.functional as F

from esper.errors import ConfigError
from esper.fleet.algorithm_memory import Candidate, recall, remember
from esper.fleet.config import ConvAlgorithm
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.registry import build_host
from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm
from esper.layers.native.build import library_name, processor, unavailable

ChoiceSource = Literal["configured", "measured", "remembered"]

_MOST_ROWS: Final = 8
_MOST_SAMPLES: Final = 128
_SECONDS_PER_CANDIDATE: Final = 0.15
_MOST_STEPS: Final = 10
_HOPELESS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmChoice:
    """What was chosen, and from which candidates.

    shape: what was measured, in words.
    candidates: empty if the config decides.
    """

    algorithm: StackedAlgorithm
    source: ChoiceSource
    shape: str
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetShape:
    """Everything that the speed of a fleet's layers depends on.

    batch_size: the number of samples per host and step.
    """

    host: HostConfig
    input_shape: tuple[int, ...]
    num_classes: int
    rows: int
    batch_size: int
    device: torch.device

    def describe(self) -> str:
        image = "x".join(map(str, self.input_shape))
        host = f"{self.rows} hosts of kind {self.host.kind}"
        if self.host.kind == "cnn":
            host += f" and widths {', '.join(map(str, self.host.widths))}"
        return f"{host}, {self.batch_size} samples of {image}, {self.device}"


def choose_algorithm(shape: FleetShape, setting: ConvAlgorithm) -> AlgorithmChoice:
    """The algorithm of a fleet: the one that the config names, or for "auto" the fastest.

    Raises:
        ConfigError: the config asks for an algorithm that does not work here.
    """
    if setting != "auto":
        reason = _unusable(setting, shape)
        if reason is not None:
            raise ConfigError(f"fleet.conv_algorithm is {setting!r}: {reason}; set it to auto")
        return AlgorithmChoice(algorithm=setting, source="configured", shape=shape.describe())
    if len(shape.input_shape) == 1:
        # For tokens, batched matrix products of all rows are never slower than one call per row (docs/experiments.md).
        return AlgorithmChoice(algorithm="grouped", source="configured", shape=shape.describe())
    return _automatic(shape, torch.get_num_threads(), torch.get_default_dtype())


@cache
def _automatic(shape: FleetShape, threads: int, dtype: torch.dtype) -> AlgorithmChoice:
    """The fastest algorithm, found once per process, shape, number of threads and number format."""
    key = _key(shape, threads, dtype)
    known = recall(key)
    candidates = measure_algorithms(shape) if known is None else known
    if known is None:
        remember(key, shape.describe(), candidates)
    return AlgorithmChoice(
        algorithm=min(candidates, key=_time).algorithm,
        source="measured" if known is None else "remembered",
        shape=shape.describe(),
        candidates=candidates,
    )


def _time(candidate: Candidate) -> float:
    return math.inf if candidate.milliseconds is None else candidate.milliseconds


def measure_algorithms(shape: FleetShape) -> tuple[Candidate, ...]:
    """Time a training step of the hosts (at most 8 of them, 128 samples each) in every way that works here."""
    candidates: list[Candidate] = []
    best: float | None = None
    for algorithm in ALGORITHMS:
        if _unusable(algorithm, shape) is not None:
            candidates.append(Candidate(algorithm=algorithm, milliseconds=None))
            continue
        seconds = _shortest(training_step(shape, algorithm), shape.device, best)
        best = seconds if best is None else min(best, seconds)
        candidates.append(Candidate(algorithm=algorithm, milliseconds=1e3 * seconds))
    return tuple(candidates)


def _unusable(algorithm: StackedAlgorithm, shape: FleetShape) -> str | None:
    if algorithm != "native":
        return None
    if shape.device.type != "cpu":
        return f"its kernels run on a CPU, not on {shape.device}"
    if len(shape.input_shape) == 1:
        return "its kernels are for images"
    return unavailable(torch.get_default_dtype())


def training_step(shape: FleetShape, algorithm: StackedAlgorithm) -> Callable[[], None]:
    """A training step of the hosts, at most 8 of them with at most 128 samples each."""
    rows, samples = min(shape.rows, _MOST_ROWS), min(shape.batch_size, _MOST_SAMPLES)
    host = build_host(
        shape.host,
        input_shape=shape.input_shape,
        num_classes=shape.num_classes,
        generators=[torch.Generator().manual_seed(row) for row in range(rows)],
        algorithm=algorithm,
    ).to(shape.device)
    images = torch.randn(samples, *shape.input_shape, generator=torch.Generator().manual_seed(0)).to(shape.device)
    targets = torch.arange(rows * samples, device=shape.device) % shape.num_classes

    def step() -> None:
        features = images.expand(rows, *images.shape)
        for segment in range(host.segments):
            features = host.run_segment(segment, features)
        torch.autograd.backward(F.cross_entropy(host.classify(features).flatten(0, 1), targets))
        host.zero_grad(set_to_none=True)

    return step


def _shortest(step: Callable[[], None], device: torch.device, best: float | None) -> float:
    """The seconds of the fastest of several steps, after a first one to warm up.

    A hopeless candidate is not repeated.
    """
    _timed(step, device)
    times = [_timed(step, device)]
    while len(times) < _MOST_STEPS and sum(times) < _SECONDS_PER_CANDIDATE:
        if best is not None and times[-1] > _HOPELESS * best:
            break
        times.append(_timed(step, device))
    return min(times)


def _timed(step: Callable[[], None], device: torch.device) -> float:
    started = perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - started


def _key(shape: FleetShape, threads: int, dtype: torch.dtype) -> str:
    gpu = torch.cuda.get_device_name(shape.device) if shape.device.type == "cuda" else ""
    # A library of other sources or options has another name, and another speed.
    kernels = unavailable(dtype) or library_name(dtype)
    machine = (platform.machine(), processor(), str(os.cpu_count()), gpu, torch.__version__, kernels)
    # The speed does not depend on which slots are enabled.
    shape = replace(shape, host=replace(shape.host, slots=()))
    text = "\0".join((repr(shape), str(threads), str(dtype), *machine))
    return sha256(text.encode()).hexdigest()[:16]
