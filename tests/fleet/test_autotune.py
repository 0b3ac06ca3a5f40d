"""The choice of an algorithm: the fastest, remembered, and never one that does not work here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from esper.errors import ConfigError
from esper.fleet import algorithm_memory, autotune
from esper.fleet.autotune import FleetShape, choose_algorithm, measure_algorithms
from esper.growth.hosts.config import HostConfig
from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm

SHAPE = FleetShape(
    host=HostConfig(base_channels=2, blocks=1),
    input_shape=(1, 4, 4),
    num_classes=3,
    rows=2,
    batch_size=4,
    device=torch.device("cpu"),
)
SECONDS = {"native": 3.0, "grouped": 1.0, "loop": 2.0}


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(algorithm_memory, "cache_folder", lambda: tmp_path)
    autotune._automatic.cache_clear()
    yield tmp_path / "algorithms.json"
    autotune._automatic.cache_clear()


@pytest.fixture
def timings(monkeypatch: pytest.MonkeyPatch) -> list[StackedAlgorithm]:
    """Steps that take what SECONDS says; the list tells what was measured."""
    measured: list[StackedAlgorithm] = []

    def step(_: FleetShape, algorithm: StackedAlgorithm) -> Callable[[], None]:
        measured.append(algorithm)
        return lambda: None

    monkeypatch.setattr(autotune, "training_step", step)
    monkeypatch.setattr(autotune, "_shortest", lambda *_: SECONDS[measured[-1]])
    return measured


def forget() -> None:
    autotune._automatic.cache_clear()


def test_the_fastest_is_chosen_and_remembered_for_later_processes(timings: list[StackedAlgorithm]) -> None:
    first = choose_algorithm(SHAPE, "auto")
    forget()
    second = choose_algorithm(SHAPE, "auto")
    assert (first.algorithm, first.source) == ("grouped", "measured")
    assert (second.algorithm, second.source) == ("grouped", "remembered")
    assert second.candidates == first.candidates
    assert timings == list(ALGORITHMS)


def test_another_shape_is_measured_for_itself(timings: list[StackedAlgorithm]) -> None:
    choose_algorithm(SHAPE, "auto")
    choose_algorithm(replace(SHAPE, rows=3), "auto")
    assert timings == [*ALGORITHMS, *ALGORITHMS]


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"KEY": {"milliseconds": {"native": "fast"}}}'])
def test_a_damaged_memory_is_measured_again(timings: list[StackedAlgorithm], memory: Path, content: str) -> None:
    choose_algorithm(SHAPE, "auto")
    (key,) = algorithm_memory._read()
    memory.write_text(content.replace("KEY", key))
    forget()
    assert choose_algorithm(SHAPE, "auto").source == "measured"
    assert len(timings) == 2 * len(ALGORITHMS)


@pytest.mark.usefixtures("timings")
def test_what_does_not_work_here_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "unavailable", lambda _: "there is no C compiler (gcc)")
    monkeypatch.setitem(SECONDS, "native", 0.1)
    choice = choose_algorithm(SHAPE, "auto")
    assert choice.algorithm == "grouped"
    assert [one.milliseconds for one in choice.candidates] == [None, 1000.0, 2000.0]
    with pytest.raises(ConfigError, match=r"fleet\.conv_algorithm is 'native': there is no C compiler.*set it to auto"):
        choose_algorithm(SHAPE, "native")


def test_what_the_config_says_is_not_measured(timings: list[StackedAlgorithm]) -> None:
    choice = choose_algorithm(SHAPE, "loop")
    assert (choice.algorithm, choice.source, choice.candidates) == ("loop", "configured", ())
    assert timings == []


def test_measuring_times_every_algorithm_of_a_real_host() -> None:
    times = {one.algorithm: one.milliseconds for one in measure_algorithms(SHAPE)}
    assert set(times) == set(ALGORITHMS)
    assert times["grouped"] is not None
    assert 0.0 < times["grouped"] < 10_000.0
