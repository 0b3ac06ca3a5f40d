from __future__ import annotations

from collections.abc import Iterator

from esper.training.phase_clock import Phase, PhaseClock


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_inner_phase_stops_the_outer_one() -> None:
    now = Clock()
    clock = PhaseClock(now)
    with clock.measure(Phase.EXECUTE):
        now.now += 1.0
        with clock.measure(Phase.TELEMETRY):
            now.now += 10.0
        now.now += 2.0
    now.now += 100.0
    assert clock.seconds(Phase.EXECUTE) == 3.0
    assert clock.seconds(Phase.TELEMETRY) == 10.0
    assert clock.wall_seconds == 113.0


def test_making_items_is_charged_apart_from_using_them() -> None:
    now = Clock()
    clock = PhaseClock(now)

    def items() -> Iterator[int]:
        for item in range(3):
            now.now += 10.0
            yield item
        now.now += 5.0

    with clock.measure(Phase.TRAIN):
        for item in clock.each(Phase.DATA_WAIT, items()):
            now.now += item
    assert clock.seconds(Phase.DATA_WAIT) == 35.0
    assert clock.seconds(Phase.TRAIN) == 3.0


def test_a_restart_forgets() -> None:
    now = Clock()
    clock = PhaseClock(now)
    with clock.measure(Phase.TRAIN):
        now.now += 1.0
    clock.restart()
    assert all(phase.milliseconds == 0.0 for phase in clock.phases())
    assert clock.wall_seconds == 0.0
