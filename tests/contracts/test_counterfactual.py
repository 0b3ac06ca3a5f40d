"""Derived numbers of an ablation: one formula each, None where something was not measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy


def matrix(active: str, committed: str = "000", **accuracies: float) -> CounterfactualMatrix:
    """Masks as digits: active="110", s110=50.0 is the accuracy with slots 0 and 1 on."""

    def mask(digits: str) -> tuple[bool, ...]:
        return tuple(digit == "1" for digit in digits)

    return CounterfactualMatrix(
        active=mask(active),
        committed=mask(committed),
        measurements=tuple(
            MaskedAccuracy(slots_on=mask(name[1:]), accuracy=value) for name, value in accuracies.items()
        ),
    )


def test_contributions_of_two_seeds_and_of_both() -> None:
    measured = matrix("110", s110=50.0, s010=44.0, s100=47.0, s000=40.0)
    assert measured.main == 50.0
    assert [measured.contribution(slot) for slot in range(3)] == [6.0, 3.0, None]
    assert measured.total_contribution() == 10.0
    assert (measured.solo_on(0), measured.solo_off(0)) == (47.0, 44.0)


def test_exactly_two_active_seeds_have_an_interaction() -> None:
    measured = matrix("110", s110=50.0, s010=44.0, s100=47.0, s000=40.0)
    assert measured.interaction(0, 1) == pytest.approx(50.0 - 47.0 - 44.0 + 40.0)


def test_interaction_of_a_pair_among_three_needs_its_own_measurements() -> None:
    three = {"s111": 60.0, "s011": 55.0, "s101": 52.0, "s110": 58.0, "s000": 40.0}
    assert matrix("111", **three).interaction(0, 1) is None
    complete = {**three, "s100": 45.0, "s010": 50.0}
    assert matrix("111", **complete).interaction(0, 1) == pytest.approx(58.0 - 45.0 - 50.0 + 40.0)


def test_with_a_single_seed_off_means_none_on() -> None:
    measured = matrix("010", s010=50.0, s000=46.0)
    assert measured.contribution(1) == measured.total_contribution() == 4.0


def test_nothing_active_means_nothing_to_measure() -> None:
    measured = matrix("000", s000=30.0)
    assert measured.main == 30.0
    assert measured.total_contribution() is None
    assert measured.contribution(0) is None
    assert measured.committed_accuracy == 30.0


def test_not_measured_is_none_and_not_zero() -> None:
    measured = matrix("110", s110=50.0)
    assert measured.contribution(0) is None
    assert measured.total_contribution() is None
    assert measured.interaction(0, 1) is None


def test_committed_switches_on_active_fossils_only() -> None:
    measured = matrix("110", committed="101", s110=50.0, s100=47.0)
    assert measured.committed_accuracy == 47.0


@given(main=st.floats(0, 100), first=st.floats(0, 100), second=st.floats(0, 100), none=st.floats(0, 100))
def test_total_is_the_contributions_less_the_interaction(main: float, first: float, second: float, none: float) -> None:
    """For two seeds: I = c0 + c1 - interaction, which ties the three formulas together."""
    measured = matrix("110", s110=main, s100=first, s010=second, s000=none)
    contributions = (measured.contribution(0), measured.contribution(1))
    total, interaction = measured.total_contribution(), measured.interaction(0, 1)
    assert None not in (*contributions, total, interaction)
    assert total == pytest.approx(sum(c for c in contributions if c is not None) - (interaction or 0.0), abs=1e-9)
