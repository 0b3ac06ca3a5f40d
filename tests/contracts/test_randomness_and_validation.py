"""Named random streams, and what a wrong configuration value says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from esper.contracts.randomness import derive_seed
from esper.contracts.validation import require_fraction, require_non_negative, require_one_of, require_positive
from esper.errors import ConfigError


def test_streams_depend_on_run_seed_and_on_every_name() -> None:
    seeds = {derive_seed(*parts) for parts in [(1, "init", 0), (1, "init", 1), (1, "data", 0), (2, "init", 0)]}
    assert len(seeds) == 4
    assert derive_seed(1, "init", 0) == derive_seed(1, "init", 0)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_derivation_is_fixed_for_good() -> None:
    """Saved runs are only repeatable while this value stays."""
    assert derive_seed(42, "init", 0) == 2754712022623685365


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (require_positive, 0.0, 1e-9),
        (require_positive, float("nan"), 1.0),
        (require_non_negative, -1e-9, 0.0),
        (require_fraction, 1.1, 1.0),
        (require_fraction, float("nan"), 0.0),
    ],
)
def test_number_checks(check: Callable[..., None], bad: float, good: float) -> None:
    check("room", field=good)
    with pytest.raises(ConfigError, match=r"room\.field is .*: it must"):
        check("room", field=bad)


def test_choices_are_named() -> None:
    require_one_of("room", ["a", "b"], field="a")
    with pytest.raises(ConfigError, match="choose one of a, b"):
        require_one_of("room", ["a", "b"], field="c")
