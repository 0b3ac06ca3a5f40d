from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from short_runs import record, short_config

from esper.history.retention import superseded
from esper.history.tail import round_accuracies

ACCURACIES = st.dictionaries(st.integers(1, 40), st.floats(0, 100), max_size=20)


@given(accuracies=ACCURACIES, missing=st.sets(st.integers(1, 40)), keep=st.integers(1, 5))
def test_the_last_and_the_best_stay(accuracies: dict[int, float], missing: set[int], keep: int) -> None:
    rounds = sorted(accuracies.keys() | missing)
    gone = superseded(rounds, accuracies, keep)
    stay = set(rounds) - set(gone)
    assert set(rounds[-keep:]) <= stay
    assert len(stay) <= keep + 1
    if accuracies:
        assert max(accuracies.values()) == max(accuracies[number] for number in stay if number in accuracies)


def test_zero_keeps_all() -> None:
    assert superseded([1, 2, 3], {}, 0) == []


def names(run: Path) -> list[str]:
    return sorted(place.name for place in (run / "checkpoints").iterdir())


def test_a_run_keeps_what_its_setting_says(tmp_path: Path) -> None:
    often = ("run.rounds=4", "run.checkpoint_interval=1")
    path, _ = record(short_config(*often, "run.keep_checkpoints=1"), tmp_path / "one")
    accuracies = round_accuracies(path)
    best = max(accuracies, key=lambda number: (accuracies[number], number))
    assert names(path) == ["latest", *(f"round-{number:06d}" for number in sorted({best, 4}))]
    path, _ = record(short_config(*often, "run.keep_checkpoints=0"), tmp_path / "all")
    assert len(names(path)) == 5
