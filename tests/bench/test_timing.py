"""Ratios say how much better our side is, whichever way the unit points."""

from __future__ import annotations

import pytest

from esper.bench.timing import Seconds, durations, rates, time_both

TIMES = Seconds(ours=(1.0, 2.0, 1.0), theirs=(4.0, 4.0, 6.0))


def test_more_is_better_for_rates() -> None:
    result = rates(TIMES, bench="fleet", case="x", units=12.0, unit="images/s", work="")
    assert (result.ours, result.theirs, result.ratio) == (12.0, 3.0, 4.0)
    assert result.spread == pytest.approx((6.0 - 2.0) / (2 * 4.0))


def test_less_is_better_for_durations() -> None:
    result = durations(TIMES, bench="ablation", case="x", scale=1e3, unit="ms", work="")
    assert (result.ours, result.theirs, result.ratio) == (1000.0, 4000.0, 4.0)


def test_both_sides_run_in_turn_after_a_warm_up() -> None:
    calls: list[str] = []
    seconds = time_both(lambda: calls.append("o"), lambda: calls.append("t"), repeats=3)
    assert "".join(calls) == "ot" * 4
    assert len(seconds.ours) == len(seconds.theirs) == 3
