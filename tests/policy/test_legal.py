"""The reasons behind the masks."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from esper.contracts.actions import Head, Op, Topology
from esper.contracts.legality import IllegalReason
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.legal import op_legality
from esper.policy.masks import build_masks


@given(data=st.data())
def test_an_op_has_a_reason_on_exactly_the_slots_that_its_mask_forbids(
    data: st.DataObject, any_views: st.SearchStrategy
) -> None:
    views: list[GardenView] = data.draw(any_views)
    masks = build_masks(views, Topology.CNN)
    for env, view in enumerate(views):
        legalities = op_legality(view)
        assert [one.op for one in legalities] == [op for op in Op if op is not Op.WAIT]
        for one in legalities:
            possible = [refused is None for refused in one.refusals]
            assert masks.heads_ehn[env, Head.OP, one.op].item() == any(possible)
            if any(possible):
                assert masks.slot_by_op_eon[env, one.op, : len(possible)].tolist() == possible


def test_reasons_name_what_is_missing(seed: SeedInfo) -> None:
    holding = replace(seed, stage=SeedStage.HOLDING, epochs_total=0)
    config = GrowthConfig(max_seeds=1, min_prune_age=5)
    view = GardenView(slots=(holding, None), config=config, closed_gates=("G5 not passed", None))
    reasons = {one.op: [None if r is None else r.reason for r in one.refusals] for one in op_legality(view)}
    assert reasons[Op.GERMINATE] == [IllegalReason.OCCUPIED, IllegalReason.MAX_SEEDS]
    assert reasons[Op.PRUNE] == [IllegalReason.TOO_YOUNG, IllegalReason.EMPTY]
    assert reasons[Op.FOSSILIZE] == [IllegalReason.GATE, IllegalReason.EMPTY]
    assert reasons[Op.ADVANCE] == [IllegalReason.STAGE, IllegalReason.EMPTY]
    words = {one.op: one.gate_words for one in op_legality(view)}
    assert (words[Op.FOSSILIZE], words[Op.PRUNE]) == ("G5 not passed", None)
