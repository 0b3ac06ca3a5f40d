"""Heads: order, sizes, meanings, relevance."""

from __future__ import annotations

import pytest

from esper.contracts.actions import (
    ALPHA_CURVE_VALUES,
    ALPHA_SPEED_EPOCHS,
    ALPHA_TARGET_VALUES,
    CNN_BLUEPRINTS,
    HEAD_NAMES,
    NUM_HEADS,
    PLACEHOLDERS,
    RELEVANT_HEADS,
    STYLE_VALUES,
    TEMPO_EPOCHS,
    TRANSFORMER_BLUEPRINTS,
    AlphaAlgorithm,
    AlphaCurve,
    AlphaCurveChoice,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    Head,
    Op,
    PerHead,
    Style,
    Tempo,
    choice_name,
    head_sizes,
)


def test_heads_in_tensor_order_with_their_sizes() -> None:
    assert HEAD_NAMES == (
        "slot",
        "blueprint",
        "style",
        "tempo",
        "alpha_target",
        "alpha_speed",
        "alpha_curve",
        "op",
    )
    assert head_sizes(3) == (3, 13, 4, 3, 3, 4, 5, 6)
    assert len(head_sizes(7)) == NUM_HEADS
    assert head_sizes(7)[Head.SLOT] == 7


def test_choices_mean_what_the_mechanics_say() -> None:
    assert [TEMPO_EPOCHS[tempo] for tempo in Tempo] == [3, 5, 8]
    assert [ALPHA_TARGET_VALUES[target] for target in AlphaTarget] == [0.5, 0.7, 1.0]
    assert [ALPHA_SPEED_EPOCHS[speed] for speed in AlphaSpeed] == [0, 3, 5, 8]
    assert ALPHA_CURVE_VALUES[AlphaCurveChoice.SIGMOID_GENTLE] == (AlphaCurve.SIGMOID, 6.0)
    assert ALPHA_CURVE_VALUES[AlphaCurveChoice.SIGMOID_SHARP] == (AlphaCurve.SIGMOID, 24.0)
    assert STYLE_VALUES[Style.SIGMOID_ADD] == (AlphaCurve.SIGMOID, AlphaAlgorithm.ADD)
    assert STYLE_VALUES[Style.GATED_GATE][1] is AlphaAlgorithm.GATE
    assert len(STYLE_VALUES) == len(Style)
    assert len(ALPHA_CURVE_VALUES) == len(AlphaCurveChoice)


def test_noop_belongs_to_no_topology_and_every_other_blueprint_to_one() -> None:
    assert Blueprint.NOOP not in CNN_BLUEPRINTS | TRANSFORMER_BLUEPRINTS
    assert set(Blueprint) - {Blueprint.NOOP} == CNN_BLUEPRINTS | TRANSFORMER_BLUEPRINTS


def test_every_head_that_can_be_irrelevant_has_a_placeholder() -> None:
    assert set(RELEVANT_HEADS) == set(Op)
    assert all(Head.OP in heads for heads in RELEVANT_HEADS.values())
    assert set(PLACEHOLDERS) == set(Head) - {Head.OP, Head.SLOT}
    assert RELEVANT_HEADS[Op.WAIT] == {Head.OP}
    assert RELEVANT_HEADS[Op.FOSSILIZE] == RELEVANT_HEADS[Op.ADVANCE] == {Head.OP, Head.SLOT}


@pytest.mark.parametrize(
    ("head", "index", "name"),
    [(Head.SLOT, 1, "r0c2"), (Head.OP, 4, "FOSSILIZE"), (Head.BLUEPRINT, 3, "NORM"), (Head.ALPHA_SPEED, 0, "INSTANT")],
)
def test_choice_names(head: Head, index: int, name: str) -> None:
    assert choice_name(head, index, ("r0c0", "r0c2")) == name


def test_per_head_values_come_in_head_order() -> None:
    values = PerHead(slot=0, blueprint=1, style=2, tempo=3, alpha_target=4, alpha_speed=5, alpha_curve=6, op=7)
    assert values.in_order() == tuple(range(NUM_HEADS))
