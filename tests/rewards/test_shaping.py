"""The shaping telescopes: over any trajectory only its two ends remain."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.contracts.actions import AlphaCurve, Blueprint, Op, Style
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.growth import lifecycle
from esper.growth.config import GrowthConfig
from esper.growth.lifecycle_events import Change
from esper.growth.predicates import GardenView, refusal
from esper.growth.state import Germination, SeedMeasurement, SeedState, record_measurement, seed_info
from esper.rewards.build import build_contribution_inputs
from esper.rewards.config import RewardConfig
from esper.rewards.shaping import pbrs_bonus, potential

SLOTS = ("r0c0", "r0c1", "r0c2")
GROWTH = GrowthConfig(min_training_epochs=2, min_prune_age=1, single_incubation=False, embargo_epochs=1)
CONFIG = RewardConfig()
HEALTHY = GradientHealth(norm=1.0, health=1.0, ratio=0.5, has_vanishing=False, has_exploding=False)
NOTHING_MEASURED = CounterfactualMatrix(
    active=(False, False, False),
    committed=(False, False, False),
    measurements=(MaskedAccuracy(slots_on=(False, False, False), accuracy=30.0),),
)
Slots = tuple[SeedInfo | None, ...]


def act(state: SeedState | None, op: Op, dice: random.Random) -> Change:
    if op is Op.GERMINATE:
        request = Germination(
            seed_id="seed",
            blueprint=Blueprint.NORM,
            style=Style.LINEAR_ADD,
            tempo_epochs=dice.choice((3, 5)),
            alpha_target=dice.choice((0.5, 1.0)),
            parameter_count=17,
            val_accuracy=30.0,
        )
        return lifecycle.germinate(state, request)
    if op is Op.WAIT or state is None:
        return Change(state=state)
    if op is Op.ADVANCE:
        return lifecycle.advance(state, GROWTH)
    if op is Op.FOSSILIZE:
        return lifecycle.fossilize(state, GROWTH)
    steps, curve = dice.choice((0, 3)), AlphaCurve.LINEAR
    if op is Op.PRUNE:
        return lifecycle.schedule_prune(state, steps=steps, curve=curve, steepness=12.0)
    return lifecycle.set_alpha_target(
        state, target=0.7, steps=steps, curve=curve, steepness=12.0, algorithm=state.alpha_algorithm
    )


def look(states: Sequence[SeedState | None]) -> Slots:
    return tuple(None if s is None else seed_info(s, name) for s, name in zip(states, SLOTS, strict=True))


def random_life(dice: random.Random, epochs: int) -> list[tuple[Slots, Op, int, Slots]]:
    """Steps (before, op, slot, after) of real lifecycle states; after is what the next step's before shows."""
    measurement = SeedMeasurement(val_accuracy=30.0, contribution=1.0, interaction_sum=None, gradient=HEALTHY)
    states: list[SeedState | None] = [None, None, None]
    steps: list[tuple[Slots, Op, int, Slots]] = []
    for _ in range(epochs):
        states = [None if s is None else record_measurement(s, measurement) for s in states]
        before = look(states)
        view = GardenView(slots=before, config=GROWTH)
        possible = [(op, i) for op in Op for i in range(3) if refusal(view, op, i) is None]
        op, slot = dice.choice(possible)
        states[slot] = act(states[slot], op, dice).state
        states = [None if s is None else lifecycle.tick(s, GROWTH).state for s in states]
        steps.append((before, op, slot, look(states)))
    return steps


def shaping(step: tuple[Slots, Op, int, Slots], epoch: int, *, terminal: bool) -> float:
    before, op, slot, after = step
    return pbrs_bonus(
        build_contribution_inputs(
            config=CONFIG,
            slot_ids=SLOTS,
            before=before,
            after=after,
            counterfactual=NOTHING_MEASURED,
            action=op,
            action_success=True,
            target_slot=slot,
            epoch=epoch,
            max_epochs=1000,
            terminal=terminal,
            host_params=1000,
            accuracy_history=(30.0,),
        )
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), epochs=st.integers(1, 60), start=st.integers(0, 30), terminal=st.booleans())
def test_discounted_shaping_leaves_only_the_boundary_terms(seed: int, epochs: int, start: int, terminal: bool) -> None:
    steps = random_life(random.Random(seed), start + epochs)[start:]
    total = 0.0
    for t, step in enumerate(steps):
        total += CONFIG.gamma**t * shaping(step, t + 1, terminal=terminal and t == epochs - 1)
    first = sum(potential(seed) for seed in steps[0][0])
    last = 0.0 if terminal else sum(potential(seed) for seed in steps[-1][3])
    expected = CONFIG.shaping_weight * (CONFIG.gamma**epochs * last - first)
    assert total == pytest.approx(expected, abs=1e-9)


def test_trajectories_are_eventful() -> None:
    """Guards the property above: its lives must climb to FOSSILIZED and fall by pruning."""
    ops = {op for seed in range(20) for _, op, _, _ in random_life(random.Random(seed), 60)}
    assert ops == set(Op)
    heights = {
        potential(info) for seed in range(20) for step in random_life(random.Random(seed), 60) for info in step[3]
    }
    assert max(heights) == 8.0


def test_potential_known_values() -> None:
    state = act(None, Op.GERMINATE, random.Random(0)).state
    assert state is not None
    assert potential(None) == 0.0
    assert potential(seed_info(state, "r0c0")) == 1.0
    aged = state
    for _ in range(10):
        following = lifecycle.tick(aged, GROWTH).state
        assert following is not None
        aged = following
    assert potential(seed_info(aged, "r0c0")) == 3.0
