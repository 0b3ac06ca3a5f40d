"""Derived numbers of an ablation: one formula each, None where something was not measured."""

from __future__ import annotations

from itertools import permutations, product

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


def game(slots: int, active: tuple[bool, ...], accuracies: list[float]) -> CounterfactualMatrix:
    """A full factorial over the active slots with these accuracies."""
    masks = list(product(*((False, True) if on else (False,) for on in active)))
    return CounterfactualMatrix(
        active=active,
        committed=(False,) * slots,
        measurements=tuple(
            MaskedAccuracy(slots_on=mask, accuracy=value) for mask, value in zip(masks, accuracies, strict=True)
        ),
    )


@st.composite
def games(draw: st.DrawFn) -> CounterfactualMatrix:
    active = tuple(draw(st.lists(st.booleans(), min_size=1, max_size=6).filter(lambda bits: 1 <= sum(bits) <= 4)))
    size = 2 ** sum(active)
    return game(len(active), active, draw(st.lists(st.floats(0, 100), min_size=size, max_size=size)))


def added_in_every_order(measured: CounterfactualMatrix, slot: int) -> float:
    """The oracle: mean over all permutations of what the seed adds when its turn comes."""
    gains: list[float] = []
    for order in permutations(measured.active_slots):
        before = order[: order.index(slot)]
        values = [
            measured.accuracy(tuple(one in chosen for one in range(len(measured.active))))
            for chosen in (before, (*before, slot))
        ]
        assert values[0] is not None
        assert values[1] is not None
        gains.append(values[1] - values[0])
    return sum(gains) / len(gains)


@given(games())
def test_shapley_is_the_mean_over_all_orders(measured: CounterfactualMatrix) -> None:
    for slot, value in enumerate(measured.shapley()):
        if measured.active[slot]:
            assert value == pytest.approx(added_in_every_order(measured, slot), abs=1e-9)
        else:
            assert value is None


@given(games())
def test_shapley_values_share_out_the_total_contribution(measured: CounterfactualMatrix) -> None:
    shares = [value for value in measured.shapley() if value is not None]
    assert sum(shares) == pytest.approx(measured.total_contribution(), abs=1e-9)


@given(st.lists(st.floats(0, 100), min_size=8, max_size=8))
def test_seeds_that_do_the_same_get_the_same_share(accuracies: list[float]) -> None:
    """Slots 0 and 1 are made interchangeable: sets that contain one of them are worth the same whichever it is."""
    masks = list(product((False, True), repeat=3))
    by_mask = dict(zip(masks, accuracies, strict=True))
    symmetric = [by_mask[(min(mask[:2]), max(mask[:2]), mask[2])] for mask in masks]
    first, second, _ = game(3, (True, True, True), symmetric).shapley()
    assert first == pytest.approx(second, abs=1e-9)


@given(st.lists(st.floats(0, 100), min_size=8, max_size=8))
def test_a_seed_that_changes_nothing_gets_nothing(accuracies: list[float]) -> None:
    masks = list(product((False, True), repeat=3))
    by_mask = dict(zip(masks, accuracies, strict=True))
    dummy = [by_mask[(False, *mask[1:])] for mask in masks]
    assert game(3, (True, True, True), dummy).shapley()[0] == 0.0


@given(games().filter(lambda measured: len(measured.measurements) > 1), st.data())
def test_shapley_needs_every_set(measured: CounterfactualMatrix, data: st.DataObject) -> None:
    dropped = data.draw(st.sampled_from(measured.measurements))
    rest = tuple(item for item in measured.measurements if item is not dropped)
    incomplete = CounterfactualMatrix(active=measured.active, committed=measured.committed, measurements=rest)
    assert set(incomplete.shapley()) == {None}


def test_shapley_of_one_seed_is_its_contribution_and_of_none_is_nothing() -> None:
    assert matrix("010", s010=50.0, s000=46.0).shapley() == (None, 4.0, None)
    assert matrix("000", s000=30.0).shapley() == (None, None, None)


def test_shapley_of_two_seeds_by_hand() -> None:
    measured = matrix("110", s110=50.0, s010=44.0, s100=47.0, s000=40.0)
    assert measured.shapley() == (pytest.approx((7.0 + 6.0) / 2), pytest.approx((4.0 + 3.0) / 2), None)
