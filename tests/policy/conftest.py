"""Seeds and gardens of every kind, for the tests of masks, observations and acting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView

SLOT_IDS = ("r0c0", "r0c1", "r0c2")

_share = st.floats(0.0, 1.0)
_accuracy = st.floats(0.0, 100.0)
_count = st.integers(0, 200)
_points = st.floats(-400.0, 400.0)
_stages = st.sampled_from([stage for stage in SeedStage if stage not in (SeedStage.UNKNOWN, SeedStage.DORMANT)])

_gradients = st.builds(
    GradientHealth,
    norm=st.floats(min_value=0.0) | st.just(float("nan")),
    health=st.floats(0.2, 1.0),
    ratio=st.floats(0.0, 10.0),
    has_vanishing=st.booleans(),
    has_exploding=st.booleans(),
)


def _seeds(slot_id: str) -> st.SearchStrategy[SeedInfo]:
    return st.builds(
        SeedInfo,
        slot_id=st.just(slot_id),
        seed_id=st.just("ep0_env0_seed_0"),
        blueprint=st.sampled_from(Blueprint),
        stage=_stages,
        previous_stage=_stages,
        previous_epochs_in_stage=_count,
        epochs_in_stage=_count,
        epochs_total=_count,
        parameter_count=_count,
        tempo_epochs=st.sampled_from((3, 5, 8)),
        alpha=_share,
        alpha_target=_share,
        alpha_mode=st.sampled_from(AlphaMode),
        alpha_algorithm=st.sampled_from(AlphaAlgorithm),
        alpha_curve=st.sampled_from(AlphaCurve),
        alpha_steps_total=st.integers(8, 200),
        alpha_steps_done=st.integers(0, 8),
        alpha_velocity=st.floats(-1.0, 1.0),
        accuracy_at_germination=_accuracy,
        accuracy_at_stage_start=_accuracy,
        current_accuracy=_accuracy,
        best_accuracy=_accuracy,
        accuracy_at_blending_start=st.none() | _accuracy,
        contribution=st.none() | _points,
        contribution_velocity=st.none() | _points,
        epochs_since_counterfactual=st.none() | _count,
        interaction_sum=st.none() | _points,
        gradient=st.none() | _gradients,
        previous_gradient_health=st.none() | st.floats(0.2, 1.0),
    )


_slots = st.tuples(*(st.none() | _seeds(slot_id) for slot_id in SLOT_IDS))

PLAIN_SEED = SeedInfo(
    slot_id="r0c0",
    seed_id="ep0_env0_seed_0",
    blueprint=Blueprint.NORM,
    stage=SeedStage.TRAINING,
    previous_stage=SeedStage.GERMINATED,
    previous_epochs_in_stage=1,
    epochs_in_stage=5,
    epochs_total=6,
    parameter_count=17,
    tempo_epochs=3,
    alpha=0.0,
    alpha_target=1.0,
    alpha_mode=AlphaMode.HOLD,
    alpha_algorithm=AlphaAlgorithm.ADD,
    alpha_curve=AlphaCurve.LINEAR,
    alpha_steps_total=0,
    alpha_steps_done=0,
    alpha_velocity=0.0,
    accuracy_at_germination=20.0,
    accuracy_at_stage_start=20.0,
    current_accuracy=60.0,
    best_accuracy=60.0,
    accuracy_at_blending_start=None,
    contribution=None,
    contribution_velocity=None,
    epochs_since_counterfactual=None,
    interaction_sum=None,
    gradient=None,
    previous_gradient_health=None,
)


def _vary(slot_id: str, stage: SeedStage, age: int, mode: AlphaMode) -> SeedInfo:
    return replace(PLAIN_SEED, slot_id=slot_id, stage=stage, epochs_total=age, alpha_mode=mode)


# Only what decides which ops are possible varies here: everything else would slow the search down.
_views = st.builds(
    GardenView,
    slots=st.tuples(
        *(
            st.none() | st.builds(_vary, st.just(slot_id), _stages, st.integers(0, 8), st.sampled_from(AlphaMode))
            for slot_id in SLOT_IDS
        )
    ),
    config=st.builds(
        GrowthConfig,
        max_seeds=st.integers(0, 3),
        single_incubation=st.booleans(),
        auto_forward_g1=st.just(True),
        auto_forward_g2=st.just(True),
        auto_forward_g3=st.booleans(),
    ),
)


@pytest.fixture(scope="session")
def any_slots() -> st.SearchStrategy[tuple[SeedInfo | None, ...]]:
    """Three slots, each empty or holding a seed in any state."""
    return _slots


@pytest.fixture(scope="session")
def any_views() -> st.SearchStrategy[list[GardenView]]:
    """One to three envs in any state."""
    return st.lists(_views, min_size=1, max_size=3)


@pytest.fixture(scope="session")
def seed() -> SeedInfo:
    """A plain seed in TRAINING that nothing was measured about."""
    return PLAIN_SEED
