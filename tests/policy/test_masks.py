from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esper.contracts.actions import AlphaTarget, Blueprint, Head, Op, Style, Topology, head_sizes
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.policy.masks import build_masks


@given(data=st.data())
def test_masks_say_what_the_predicates_say(data: st.DataObject, any_views: st.SearchStrategy) -> None:
    views: list[GardenView] = data.draw(any_views)
    masks = build_masks(views, Topology.CNN)
    for env, view in enumerate(views):
        for op in Op:
            possible = [refusal(view, op, slot) is None for slot in range(3)]
            assert masks.heads_ehn[env, Head.OP, op].item() == any(possible)
            if any(possible):
                assert masks.slot_by_op_eon[env, op, :3].tolist() == possible


@given(data=st.data())
def test_every_row_keeps_a_legal_choice_and_padding_is_illegal(
    data: st.DataObject, any_views: st.SearchStrategy
) -> None:
    masks = build_masks(data.draw(any_views), Topology.CNN)
    assert masks.heads_ehn.any(-1).all()
    assert masks.slot_by_op_eon.any(-1).all()
    assert masks.heads_ehn[:, Head.OP, Op.WAIT].all()
    for head, size in zip(Head, head_sizes(3), strict=True):
        assert not masks.heads_ehn[:, head, size:].any()


def test_blueprints_are_those_that_can_be_built() -> None:
    masks = build_masks([GardenView(slots=(None,), config=GrowthConfig())], Topology.CNN)
    legal = {blueprint for blueprint in Blueprint if masks.heads_ehn[0, Head.BLUEPRINT, blueprint]}
    assert legal == available_blueprints(Topology.CNN)
    assert Blueprint.NOOP not in legal


def test_style_and_target_are_open_only_where_an_op_could_use_them(seed: SeedInfo) -> None:
    incubating = GardenView(slots=(seed, None), config=GrowthConfig(single_incubation=True))
    empty = GardenView(slots=(None, None), config=GrowthConfig())
    blended = replace(seed, stage=SeedStage.HOLDING)
    holding = GardenView(slots=(blended, replace(blended, slot_id="r0c1")), config=GrowthConfig())
    masks = build_masks([incubating, empty, holding], Topology.CNN)
    styles = [{style for style in Style if masks.heads_ehn[env, Head.STYLE, style]} for env in range(3)]
    targets = [
        {target for target in AlphaTarget if masks.heads_ehn[env, Head.ALPHA_TARGET, target]} for env in range(3)
    ]
    assert styles == [{Style.SIGMOID_ADD}, set(Style), set(Style)]
    assert targets == [{AlphaTarget.FULL}, set(AlphaTarget), set(AlphaTarget)]
