"""What a control host changes: credit is shared gain, and being needed is worth nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import inputs, seed, slot

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.attribution import bounded_attribution, slot_attribution
from esper.rewards.terminal import terminal_bonus

TIMELESS = {"epochs_total": 5}


def grown(contribution: float, name: str = "r0c0") -> object:
    return slot(seed(SeedStage.FOSSILIZED, **TIMELESS), contribution, slot_id=name)


def attribution(control: float | None, *contributions: float, val_acc: float = 97.0) -> float:
    slots = [grown(value, f"r0c{place}") for place, value in enumerate(contributions)]
    return bounded_attribution(
        inputs(*slots, val_acc=val_acc, total_contribution=max(contributions), control_val_acc=control)
    )


def test_a_host_that_came_to_need_its_seed_earns_nothing() -> None:
    """The study's NORM seed on digits: without it 20 %, with it 97 %, and alone the host would have had 97 %."""
    assert attribution(97.0, 77.0) == 0.0
    assert attribution(None, 77.0) > 50.0, "what it used to earn in every epoch"


def test_a_lone_seed_is_credited_with_the_gain() -> None:
    assert attribution(60.0, 77.0) == pytest.approx(37.0)


def test_a_seed_is_never_credited_with_more_than_switching_it_off_costs() -> None:
    assert attribution(60.0, 5.0) == pytest.approx(5.0)


def test_a_host_that_fell_behind_its_control_pays_for_it() -> None:
    assert attribution(99.0, 77.0) == pytest.approx(-2.0)


@given(
    contributions=st.lists(st.floats(0.5, 60.0), min_size=1, max_size=3),
    control=st.floats(0.0, 100.0),
    accuracy=st.floats(0.0, 100.0),
)
def test_seeds_share_the_gain_and_no_more(contributions: list[float], control: float, accuracy: float) -> None:
    total = attribution(control, *contributions, val_acc=accuracy)
    assert total == pytest.approx(min(sum(contributions), accuracy - control), abs=1e-6)


def test_a_seed_that_hurts_is_charged_as_before() -> None:
    whole = inputs(grown(-3.0), val_acc=50.0, total_contribution=-3.0, control_val_acc=40.0)
    assert slot_attribution(whole, whole.slots[0]) == -3.0


def test_a_seed_that_is_not_measured_yet_has_no_credit_for_what_the_host_learned() -> None:
    young = slot(seed(SeedStage.BLENDING, **TIMELESS), None)
    assert slot_attribution(inputs(young, control_val_acc=None), young) > 0.0
    assert slot_attribution(inputs(young, control_val_acc=30.0), young) == 0.0


def test_the_end_pays_for_the_gain() -> None:
    last = inputs(slot(None), epoch=100, val_acc=70.0, control_val_acc=60.0)
    assert terminal_bonus(last) == last.config.terminal_gain_weight * 10.0
    assert terminal_bonus(replace(last, control_val_acc=70.0)) == 0.0
    assert terminal_bonus(replace(last, control_val_acc=None)) == last.config.terminal_accuracy_weight * 70.0
    assert terminal_bonus(replace(last, epoch=99)) == 0.0


def test_the_end_pays_only_for_what_the_last_action_leaves_proven() -> None:
    """A script that swung alpha was paid for the alpha to which its host had adapted, and tested at another."""

    def gain(
        op: Op = Op.SET_ALPHA_TARGET, *, alpha: float = 1.0, contribution: float | None = 20.0, **changes: object
    ) -> float:
        info = seed(SeedStage.HOLDING, **TIMELESS, alpha=alpha)
        held = slot(info, contribution, **changes)
        last = inputs(held, action=op, epoch=100, val_acc=70.0, control_val_acc=60.0)
        return terminal_bonus(last) / last.config.terminal_gain_weight

    assert gain() == 10.0
    assert gain(alpha_delta=-0.5) == pytest.approx(0.0), "down to half: half of the 20 points that it contributes"
    assert gain(alpha=0.5, alpha_delta=0.5) == pytest.approx(0.0), "and up to twice as much"
    assert gain(Op.WAIT, alpha=0.5, alpha_delta=0.1) == 10.0, "a ramp that goes on is no surprise to the host"
    assert gain(Op.PRUNE, after=None) == pytest.approx(-10.0)
    assert gain(Op.PRUNE, after=None, contribution=None) == 10.0, "not measured, so nothing is known to be lost"
    assert gain(Op.PRUNE, after=None, contribution=-3.0) == 10.0, "what a prune frees the host from is not paid either"
