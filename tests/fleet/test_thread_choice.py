"""With how many threads a run computes is measured, and one is among the candidates."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest
import torch

from esper.fleet import thread_choice
from esper.fleet.autotune import FleetShape
from esper.growth.hosts.config import HostConfig

SHAPE = FleetShape(
    host=HostConfig(base_channels=4, blocks=2),
    input_shape=(1, 8, 8),
    num_classes=10,
    rows=2,
    batch_size=8,
    device=torch.device("cpu"),
)


@pytest.fixture(autouse=True)
def _two_threads() -> Generator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("with_two", "with_one", "chosen"),
    [(0.5, 1.0, 2), (0.95, 1.0, 1), (3.0, 0.1, 1)],
    ids=["two are faster", "two gain nothing", "busy machine"],
)
def test_several_threads_must_be_worth_it(
    with_two: float, with_one: float, chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {2: with_two, 1: with_one}
    monkeypatch.setattr(thread_choice, "_typical_seconds", lambda _: seconds[torch.get_num_threads()])
    thread_choice.settle_threads(SHAPE, "grouped")
    assert torch.get_num_threads() == chosen


def test_the_typical_time_is_that_of_most_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.1, 0.1, 5.0, 5.0, 5.1])
    monkeypatch.setattr(thread_choice, "perf_counter", lambda: next(times))
    assert thread_choice._typical_seconds(lambda: None) == pytest.approx(0.1)


def test_one_thread_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Callable[[], None]) -> float:
        raise AssertionError

    torch.set_num_threads(1)
    monkeypatch.setattr(thread_choice, "_typical_seconds", never)
    thread_choice.settle_threads(SHAPE, "grouped")
