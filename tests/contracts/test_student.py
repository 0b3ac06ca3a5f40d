"""The factor of an interval's half width."""

from __future__ import annotations

import pytest
from scipy import stats

from esper.contracts.student import CONFIDENCE, half_width_factor


@pytest.mark.parametrize("count", [2, 3, 5, 30, 1000])
def test_the_factor_is_the_quantile_of_t(count: int) -> None:
    assert half_width_factor(count) == pytest.approx(stats.t.interval(CONFIDENCE, count - 1)[1])
