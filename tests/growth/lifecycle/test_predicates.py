"""What is possible: known answers, and that whatever is allowed is also accepted, over random lives."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.contracts.actions import (
    ALPHA_CURVE_VALUES,
    ALPHA_SPEED_EPOCHS,
    ALPHA_TARGET_VALUES,
    TEMPO_EPOCHS,
    AlphaMode,
    Blueprint,
    Op,
    Style,
)
from esper.contracts.legality import IllegalReason, Refusal
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.contracts.stages import COOLDOWN_STAGES, LIVE_STAGES, SeedStage, is_legal_transition
from esper.growth.lifecycle import transitions as lifecycle
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import Change, GateEvaluated, StageChanged
from esper.growth.lifecycle.predicates import GardenView, refusal, seed_count
from esper.growth.lifecycle.state import Germination, SeedMeasurement, SeedState, record_measurement, seed_info


def germination(number: int = 0, tempo: int = 3, target: float = 1.0, style: Style = Style.SIGMOID_ADD) -> Germination:
    return Germination(
        seed_id=f"seed_{number}",
        blueprint=Blueprint.NORM,
        style=style,
        tempo_epochs=tempo,
        alpha_target=target,
        parameter_count=17,
        val_accuracy=20.0,
    )


def info(stage: SeedStage, *, age: int = 20, mode: AlphaMode = AlphaMode.HOLD, slot: str = "r0c0") -> SeedInfo:
    state = lifecycle.germinate(None, germination()).state
    assert state is not None
    return replace(seed_info(state, slot), stage=stage, epochs_total=age, alpha_mode=mode)


def possible_ops(seed: SeedInfo | None, config: GrowthConfig | None = None) -> set[Op]:
    view = GardenView(slots=(seed,), config=config or GrowthConfig())
    return {op for op in Op if refusal(view, op, 0) is None}


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (None, {Op.GERMINATE}),
        (SeedStage.GERMINATED, {Op.ADVANCE, Op.PRUNE}),
        (SeedStage.TRAINING, {Op.ADVANCE, Op.PRUNE}),
        (SeedStage.BLENDING, {Op.ADVANCE, Op.PRUNE, Op.SET_ALPHA_TARGET}),
        (SeedStage.HOLDING, {Op.FOSSILIZE, Op.PRUNE, Op.SET_ALPHA_TARGET}),
        (SeedStage.FOSSILIZED, set[Op]()),
        (SeedStage.PRUNED, set[Op]()),
        (SeedStage.EMBARGOED, set[Op]()),
        (SeedStage.RESETTING, set[Op]()),
    ],
)
def test_ops_by_stage(stage: SeedStage | None, expected: set[Op]) -> None:
    seed = None if stage is None else info(stage)
    assert possible_ops(seed) == expected | {Op.WAIT}


def test_a_moving_alpha_bars_prune_and_set_alpha() -> None:
    assert possible_ops(info(SeedStage.BLENDING, mode=AlphaMode.UP)) == {Op.WAIT, Op.ADVANCE}


def test_prune_waits_for_its_age() -> None:
    assert Op.PRUNE not in possible_ops(info(SeedStage.TRAINING, age=4))
    assert Op.PRUNE in possible_ops(info(SeedStage.TRAINING, age=5))
    assert Op.PRUNE in possible_ops(info(SeedStage.TRAINING, age=0), GrowthConfig(min_prune_age=0))


def test_advance_disappears_when_all_gates_forward_themselves() -> None:
    config = GrowthConfig(auto_forward_g1=True, auto_forward_g2=True, auto_forward_g3=True)
    assert Op.ADVANCE not in possible_ops(info(SeedStage.TRAINING), config)
    partly = GrowthConfig(auto_forward_g1=True, auto_forward_g2=True)
    assert Op.ADVANCE in possible_ops(info(SeedStage.TRAINING), partly)


@pytest.mark.parametrize("stage", [SeedStage.GERMINATED, SeedStage.TRAINING, *sorted(COOLDOWN_STAGES)])
def test_one_seed_incubates_at_a_time(stage: SeedStage) -> None:
    slots = (None, info(stage, slot="r0c1"))
    reason = refusal(GardenView(slots=slots, config=GrowthConfig()), Op.GERMINATE, 0)
    assert reason is not None
    assert "r0c1" in reason.words
    free = GardenView(slots=slots, config=GrowthConfig(single_incubation=False))
    assert refusal(free, Op.GERMINATE, 0) is None


@pytest.mark.parametrize("stage", [SeedStage.BLENDING, SeedStage.HOLDING, SeedStage.FOSSILIZED])
def test_later_stages_do_not_block_germination(stage: SeedStage) -> None:
    view = GardenView(slots=(None, info(stage)), config=GrowthConfig())
    assert refusal(view, Op.GERMINATE, 0) is None


def test_max_seeds_counts_live_and_fossilised_but_not_cooldown() -> None:
    config = GrowthConfig(max_seeds=2, single_incubation=False)
    full = GardenView(slots=(None, info(SeedStage.HOLDING), info(SeedStage.FOSSILIZED)), config=config)
    assert seed_count(full) == 2
    reason = refusal(full, Op.GERMINATE, 0)
    assert reason is not None
    assert "max_seeds" in reason.words
    cooling = GardenView(slots=(None, info(SeedStage.HOLDING), info(SeedStage.EMBARGOED)), config=config)
    assert refusal(cooling, Op.GERMINATE, 0) is None


# --- random lives ------------------------------------------------------------------------------------------------

SLOTS = ("r0c0", "r0c1", "r0c2")
EPOCHS = 60


@dataclass
class Garden:
    """Three slots driven by random ops; checks every change for legality and every counter for its one step."""

    config: GrowthConfig
    states: list[SeedState | None] = field(default_factory=lambda: [None, None, None])
    germinations: int = 0
    cooled: list[int] = field(default_factory=lambda: [0, 0, 0])

    def view(self) -> GardenView:
        slots = tuple(
            None if state is None else seed_info(state, name) for state, name in zip(self.states, SLOTS, strict=True)
        )
        return GardenView(slots=slots, config=self.config)

    def execute(self, op: Op, slot: int, choice: int) -> None:
        reason = refusal(self.view(), op, slot)
        change = self.call(op, slot, choice)
        if op is Op.GERMINATE and reason is not None and self.states[slot] is None:
            return  # rules about other slots, which the function of one slot cannot know
        if op is Op.PRUNE and reason is not None and reason.reason is IllegalReason.TOO_YOUNG:
            return  # the age rule protects a seed from the controller only
        if op is Op.ADVANCE and reason is not None and self.config.advance_disabled:
            return
        if reason is not None:
            assert reason
            assert change.refused is not None
            assert change.state is self.states[slot]
            return
        gates = [event for event in change.events if isinstance(event, GateEvaluated)]
        if change.refused is not None:
            assert op in (Op.ADVANCE, Op.FOSSILIZE)
            assert not gates[0].result.passed
            assert change.refused.startswith(gates[0].result.gate.name)
            assert change.state is self.states[slot]
        self.take(slot, change)

    def call(self, op: Op, slot: int, choice: int) -> Change:
        state = self.states[slot]
        steps = ALPHA_SPEED_EPOCHS[choice % 4]
        curve, steepness = ALPHA_CURVE_VALUES[choice % 5]
        target = ALPHA_TARGET_VALUES[choice % 3]
        if op is Op.GERMINATE:
            self.germinations += 1
            style = (Style.LINEAR_ADD, Style.SIGMOID_ADD)[choice % 2]
            return lifecycle.germinate(state, germination(self.germinations, TEMPO_EPOCHS[choice % 3], target, style))
        if op is Op.WAIT or state is None:
            return Change(state=state, refused=None if op is Op.WAIT else "the slot is empty")
        if op is Op.ADVANCE:
            return lifecycle.advance(state, self.config)
        if op is Op.FOSSILIZE:
            return lifecycle.fossilize(state, self.config)
        if op is Op.PRUNE:
            return lifecycle.schedule_prune(state, steps=steps, curve=curve, steepness=steepness)
        return lifecycle.set_alpha_target(
            state, target=target, steps=steps, curve=curve, steepness=steepness, algorithm=state.alpha_algorithm
        )

    def take(self, slot: int, change: Change) -> None:
        for event in change.events:
            if isinstance(event, StageChanged):
                assert is_legal_transition(event.from_stage, event.to_stage)
        self.states[slot] = change.state

    def tick(self) -> None:
        for slot, state in enumerate(self.states):
            if state is None:
                continue
            change = lifecycle.tick(state, self.config)
            self.take(slot, change)
            after = change.state
            if after is None:
                assert self.cooled[slot] == self.config.embargo_epochs + 1
                self.cooled[slot] = 0
                continue
            assert after.epochs_total == state.epochs_total + 1
            stage_changed = any(isinstance(event, StageChanged) for event in change.events)
            assert after.epochs_in_stage == (1 if stage_changed else state.epochs_in_stage + 1)
            if after.stage in COOLDOWN_STAGES:
                assert after.stage is not SeedStage.PRUNED
                self.cooled[slot] += 1
            if after.stage is SeedStage.HOLDING and self.config.holding_timeout:
                assert after.epochs_in_stage <= self.config.holding_timeout
            if after.stage in LIVE_STAGES:
                assert 0.0 <= after.alpha.value <= 1.0

    def measure(self, noise: int) -> None:
        """Random measurements, so that gates pass or fail at random; sometimes nothing is measured."""
        for slot, state in enumerate(self.states):
            if state is None:
                continue
            bits = (noise >> (4 * slot)) & 15
            gradient = GradientHealth(
                norm=1.0,
                health=1.0 if bits & 1 else 0.5,
                ratio=0.5 if bits & 2 else 0.0,
                has_vanishing=False,
                has_exploding=bits == 0,
            )
            measurement = SeedMeasurement(
                val_accuracy=20.0 + bits,
                contribution=float(bits) - 4.0 if bits & 8 else None,
                interaction_sum=None,
                gradient=gradient if bits != 4 else None,
            )
            self.states[slot] = record_measurement(state, measurement)


configs = st.builds(
    GrowthConfig,
    permissive_gates=st.booleans(),
    auto_forward_g1=st.booleans(),
    auto_forward_g2=st.booleans(),
    auto_forward_g3=st.booleans(),
    min_training_epochs=st.integers(1, 4),
    min_prune_age=st.integers(0, 6),
    embargo_epochs=st.integers(0, 5),
    holding_timeout=st.sampled_from([0, 3, 20]),
    max_seeds=st.integers(0, 3),
    single_incubation=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(config=configs, randomness=st.randoms(use_true_random=False))
def test_what_is_allowed_is_accepted_over_random_lives(config: GrowthConfig, randomness: random.Random) -> None:

    garden = Garden(config=config)
    for _ in range(EPOCHS):
        garden.measure(randomness.getrandbits(12))
        garden.execute(randomness.choice(list(Op)), randomness.randrange(3), randomness.randrange(60))
        garden.tick()


def test_random_lives_reach_every_stage() -> None:
    """Guards the property test above: its lives must visit all stages, or it proves nothing."""

    reached: set[SeedStage] = set()
    randomness = random.Random(7)
    for _ in range(60):
        garden = Garden(config=GrowthConfig(min_training_epochs=2, min_prune_age=2, single_incubation=False))
        for _ in range(EPOCHS):
            garden.measure(randomness.getrandbits(12))
            garden.execute(randomness.choice(list(Op)), randomness.randrange(3), randomness.randrange(60))
            garden.tick()
            reached |= {state.stage for state in garden.states if state is not None}
    everything = set(LIVE_STAGES) | set(COOLDOWN_STAGES) | {SeedStage.FOSSILIZED}
    assert reached == everything - {SeedStage.PRUNED}


@pytest.mark.parametrize("op", [Op.ADVANCE, Op.FOSSILIZE])
def test_a_gate_that_is_known_to_be_closed_makes_its_op_impossible(op: Op) -> None:
    seed = info(SeedStage.HOLDING if op is Op.FOSSILIZE else SeedStage.TRAINING)
    for answer in (None, "G2 not passed: epochs_in_stage 1 (needs 3)"):
        view = GardenView(slots=(seed,), config=GrowthConfig(), closed_gates=(answer,))
        assert refusal(view, op, 0) == (None if answer is None else Refusal(IllegalReason.GATE, answer))
        assert refusal(view, Op.WAIT, 0) is None
    assert refusal(GardenView(slots=(seed,), config=GrowthConfig()), op, 0) is None, "left to the attempt"
