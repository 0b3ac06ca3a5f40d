"""Signs of life: a rank that falls silent is noticed, and one that is slow or has left is not."""

from __future__ import annotations

import threading

from esper.training.ranks.heartbeat import SILENT_BEATS, Heartbeat, Pulse


class Numbers:
    """The launcher's store, without a network."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def add(self, key: str, amount: int, /) -> int:
        self.values[key] = self.values.get(key, 0) + amount
        return self.values[key]


class LostNumbers:
    """A store whose process is gone."""

    def add(self, key: str, amount: int, /) -> int:
        raise RuntimeError("Connection reset by peer\nat some line")


def test_ranks_that_beat_are_alive() -> None:
    store = Numbers()
    pulses = [Pulse(store, rank=rank, size=3) for rank in range(3)]
    assert [pulse.beat() for _ in range(3 * SILENT_BEATS) for pulse in pulses] == [None] * 9 * SILENT_BEATS


def test_a_silent_rank_is_named() -> None:
    store = Numbers()
    pulses = [Pulse(store, rank=rank, size=3) for rank in range(3)]
    for pulse in pulses:
        pulse.beat()
    answers = [pulses[0].beat() for _ in range(SILENT_BEATS + 1) if pulses[1].beat() in (None, 2)]
    assert answers[:-2] == [None] * (len(answers) - 2)
    assert answers[-1] == 2


def test_a_rank_that_has_not_begun_in_time_counts_as_silent() -> None:
    pulse = Pulse(Numbers(), rank=0, size=2)
    assert [pulse.beat() for _ in range(SILENT_BEATS)] == [None] * (SILENT_BEATS - 1) + [1]


def test_a_rank_that_has_left_is_not_missed() -> None:
    store = Numbers()
    stays, leaves = Pulse(store, rank=0, size=2), Pulse(store, rank=1, size=2)
    leaves.beat()
    leaves.leave()
    assert [stays.beat() for _ in range(3 * SILENT_BEATS)] == [None] * 3 * SILENT_BEATS


class FrozenNumbers:
    """A store whose machine has vanished: it never answers."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def add(self, key: str, amount: int, /) -> int:
        self.released.wait()
        return amount


def end_of(pulse: Pulse) -> str:
    """What a heartbeat says when it ends the process; it beats twenty times a second."""
    said: list[str] = []
    over = threading.Event()

    def end(line: str) -> None:
        said.append(line)
        over.set()

    Heartbeat(pulse, rank=1, end=end, seconds=0.05)
    assert over.wait(30)
    return said[0]


def test_the_process_ends_with_one_line_when_a_rank_is_gone() -> None:
    line = end_of(Pulse(Numbers(), rank=1, size=2))
    assert line == (
        "esper: error: rank 1 ends, because rank 0 gives no sign of life: start the job again with --resume RUN"
    )


def test_the_process_ends_when_the_launcher_is_gone() -> None:
    line = end_of(Pulse(LostNumbers(), rank=1, size=2))
    assert "because the launcher is gone (Connection reset by peer): start the job again" in line
    assert "\n" not in line


def test_the_process_ends_when_the_launcher_never_answers() -> None:
    store = FrozenNumbers()
    line = end_of(Pulse(store, rank=1, size=2))
    store.released.set()
    assert "rank 1 ends, because the launcher gives no sign of life: start the job again" in line


def test_a_rank_that_ends_as_it_should_tells_the_others() -> None:
    store, said = Numbers(), list[str]()
    Heartbeat(Pulse(store, rank=1, size=2), rank=1, end=said.append, seconds=0.01).stop(done=True)
    stays = Pulse(store, rank=0, size=2)
    assert [stays.beat() for _ in range(3 * SILENT_BEATS)] == [None] * 3 * SILENT_BEATS
    assert not said


def test_a_rank_that_fails_is_missed() -> None:
    store, said = Numbers(), list[str]()
    Heartbeat(Pulse(store, rank=1, size=2), rank=1, end=said.append, seconds=0.01).stop(done=False)
    stays = Pulse(store, rank=0, size=2)
    assert 1 in [stays.beat() for _ in range(3 * SILENT_BEATS)]
    assert not said
