"""The life of a seed as data: edges and groups."""

from __future__ import annotations

import pytest

from esper.contracts.stages import (
    ACTIVE_STAGES,
    COOLDOWN_STAGES,
    FORWARD_STAGES,
    LIVE_STAGES,
    STAGE_ORDER,
    TRANSITIONS,
    SeedStage,
    is_legal_transition,
)


def test_values_are_those_of_saved_files_and_five_is_retired() -> None:
    assert [int(stage) for stage in STAGE_ORDER] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    with pytest.raises(ValueError, match="5"):
        SeedStage(5)


def test_every_edge_and_no_other() -> None:
    names = {(source.name, target.name) for source, targets in TRANSITIONS.items() for target in targets}
    assert names == {
        ("UNKNOWN", "DORMANT"),
        ("DORMANT", "GERMINATED"),
        ("GERMINATED", "TRAINING"),
        ("GERMINATED", "PRUNED"),
        ("TRAINING", "BLENDING"),
        ("TRAINING", "PRUNED"),
        ("BLENDING", "HOLDING"),
        ("BLENDING", "PRUNED"),
        ("HOLDING", "FOSSILIZED"),
        ("HOLDING", "BLENDING"),
        ("HOLDING", "PRUNED"),
        ("PRUNED", "EMBARGOED"),
        ("EMBARGOED", "RESETTING"),
        ("RESETTING", "DORMANT"),
    }


def test_only_holding_leads_to_a_commitment_and_nothing_leads_out_of_it() -> None:
    assert [stage for stage in SeedStage if is_legal_transition(stage, SeedStage.FOSSILIZED)] == [SeedStage.HOLDING]
    assert not any(is_legal_transition(SeedStage.FOSSILIZED, stage) for stage in SeedStage)


def test_what_can_be_pruned_is_what_is_live() -> None:
    assert {stage for stage in SeedStage if is_legal_transition(stage, SeedStage.PRUNED)} == LIVE_STAGES


def test_groups_fit_together() -> None:
    assert FORWARD_STAGES < ACTIVE_STAGES
    assert not ACTIVE_STAGES & COOLDOWN_STAGES
    assert not LIVE_STAGES & COOLDOWN_STAGES
    assert {SeedStage.FOSSILIZED} == ACTIVE_STAGES - LIVE_STAGES
