"""Scripted episodes: a world that says what each seed is worth, a player that acts, real lifecycle states, real pay."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, AlphaMode, Blueprint, Op, Style
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.contracts.stages import FORWARD_STAGES, SeedStage
from esper.growth.lifecycle import transitions as lifecycle
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import Change
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.growth.lifecycle.state import Germination, SeedMeasurement, SeedState, record_measurement, seed_info
from esper.rewards.build import LivedStep, build_inputs
from esper.rewards.config import RewardConfig
from esper.rewards.payment import Payment, pay
from esper.rewards.state import RewardState

SLOTS = ("r0c0", "r0c1", "r0c2")
GROWTH = GrowthConfig(min_training_epochs=3, min_prune_age=3, embargo_epochs=3)
HEALTHY = GradientHealth(norm=1.0, health=1.0, ratio=0.5, has_vanishing=False, has_exploding=False)
HOST_PARAMS = 10_000
SEED_PARAMS = 300
RANDOM_GUESS_LOSS = 2.3

Seeds = tuple[SeedInfo | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    op: Op = Op.WAIT
    slot: int = 0
    alpha_target: float = 1.0
    steps: int = 0


World = Callable[[int, Mapping[int, float], Mapping[int, float]], float]
"""Accuracy in percent from the epoch, the alpha of the seeds that are switched on, and of all that are there."""

Player = Callable[[int, Seeds], Move]
"""A move from the epoch and the seeds, which hold this epoch's measurements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    payments: tuple[Payment, ...]
    steps: tuple[LivedStep, ...]
    gamma: float

    def sum(self, *names: str) -> float:
        """Sum over the episode of the named terms; of the whole reward without a name."""
        if not names:
            return sum(payment.components.total for payment in self.payments)
        return sum(payment.components.term(name) or 0.0 for payment in self.payments for name in names)

    @property
    def before_states(self) -> tuple[RewardState, ...]:
        """The reward state that each step began with."""
        return (RewardState(), *(payment.state for payment in self.payments[:-1]))

    @property
    def discounted(self) -> float:
        return sum(self.gamma**t * payment.components.total for t, payment in enumerate(self.payments))

    @property
    def stages(self) -> set[SeedStage]:
        return {seed.stage for step in self.steps for seed in step.after if seed is not None}


def play(
    world: World,
    player: Player,
    config: RewardConfig,
    *,
    epochs: int = 50,
    terminal: bool = True,
    growth: GrowthConfig = GROWTH,
) -> Episode:
    """terminal: the horizon ends the episode instead of truncating it, so that shaping pays nothing in sum."""
    states: list[SeedState | None] = [None] * len(SLOTS)
    memory = RewardState()
    accuracies: list[float] = []
    payments: list[Payment] = []
    steps: list[LivedStep] = []
    for epoch in range(1, epochs + 1):
        matrix = measure(world, epoch, states)
        accuracies.append(matrix.main)
        states = [None if s is None else record_measurement(s, _measurement(matrix, i)) for i, s in enumerate(states)]
        before = look(states)
        move = player(epoch, before)
        possible = refusal(GardenView(slots=before, config=growth), move.op, move.slot) is None
        refused = "not possible"
        if possible:
            change = act(states[move.slot], move, matrix.main, f"seed {epoch}")
            states[move.slot], refused = change.state, change.refused
        states = [None if s is None else lifecycle.tick(s, growth).state for s in states]
        step = LivedStep(
            config=config,
            slot_ids=SLOTS,
            before=before,
            after=look(states),
            counterfactual=matrix,
            action=move.op if possible else Op.WAIT,
            action_success=refused is None,
            target_slot=move.slot,
            epoch=epoch,
            max_epochs=epochs,
            terminal=terminal and epoch == epochs,
            host_params=HOST_PARAMS,
            accuracy_history=tuple(accuracies),
            control_accuracy=None,
            val_loss=_loss(accuracies[-1]),
            loss_delta=_loss(accuracies[-2]) - _loss(accuracies[-1]) if epoch > 1 else None,
            random_guess_loss=RANDOM_GUESS_LOSS,
            min_fossilize_contribution=growth.min_fossilize_contribution,
        )
        payment = pay(build_inputs(step, memory), memory)
        memory = payment.state
        payments.append(payment)
        steps.append(step)
    return Episode(payments=tuple(payments), steps=tuple(steps), gamma=config.gamma)


def measure(world: World, epoch: int, states: Sequence[SeedState | None]) -> CounterfactualMatrix:
    """Every configuration of the active seeds."""
    alphas = {
        i: state.alpha.value
        for i, state in enumerate(states)
        if state is not None and state.stage in FORWARD_STAGES and state.alpha.value > 0.0
    }
    masks = product(*((False, True) if i in alphas else (False,) for i in range(len(SLOTS))))
    return CounterfactualMatrix(
        active=tuple(i in alphas for i in range(len(SLOTS))),
        committed=tuple(state is not None and state.stage is SeedStage.FOSSILIZED for state in states),
        measurements=tuple(
            MaskedAccuracy(slots_on=mask, accuracy=world(epoch, {i: a for i, a in alphas.items() if mask[i]}, alphas))
            for mask in masks
        ),
    )


def act(state: SeedState | None, move: Move, accuracy: float, seed_id: str) -> Change:
    """Carry out a move that is possible."""
    if move.op is Op.GERMINATE:
        request = Germination(
            seed_id=seed_id,
            blueprint=Blueprint.NORM,
            style=Style.LINEAR_ADD,
            tempo_epochs=3,
            alpha_target=move.alpha_target,
            parameter_count=SEED_PARAMS,
            val_accuracy=accuracy,
        )
        return lifecycle.germinate(state, request)
    if move.op is Op.WAIT or state is None:
        return Change(state=state)
    if move.op is Op.ADVANCE:
        return lifecycle.advance(state, GROWTH)
    if move.op is Op.FOSSILIZE:
        return lifecycle.fossilize(state, GROWTH)
    curve = AlphaCurve.LINEAR
    if move.op is Op.PRUNE:
        return lifecycle.schedule_prune(state, steps=move.steps, curve=curve, steepness=12.0)
    return lifecycle.set_alpha_target(
        state,
        target=move.alpha_target,
        steps=move.steps,
        curve=curve,
        steepness=12.0,
        algorithm=AlphaAlgorithm.ADD,
    )


def look(states: Sequence[SeedState | None]) -> Seeds:
    return tuple(None if s is None else seed_info(s, name) for s, name in zip(states, SLOTS, strict=True))


def _measurement(matrix: CounterfactualMatrix, slot: int) -> SeedMeasurement:
    others = [matrix.interaction(slot, other) for other in range(len(SLOTS)) if other != slot]
    known = [points for points in others if points is not None]
    return SeedMeasurement(
        val_accuracy=matrix.main,
        contribution=matrix.contribution(slot),
        interaction_sum=sum(known) if matrix.active[slot] and known else None,
        gradient=HEALTHY,
    )


def _loss(accuracy: float) -> float:
    return RANDOM_GUESS_LOSS * (1.0 - accuracy / 100.0)


# --- worlds --------------------------------------------------------------------------------------------------------


def useful(*points: float, base: float = 40.0, drift: float = 0.0) -> World:
    """Each seed brings its slot's points, independently; the host drifts up by itself, in points per epoch."""

    def accuracy(epoch: int, on: Mapping[int, float], _there: Mapping[int, float]) -> float:
        return base + drift * epoch + sum(alpha * points[slot] for slot, alpha in on.items())

    return accuracy


def dependent(dependency: float, benefit: float, *, base: float = 40.0, drift: float = 0.0) -> World:
    """The host leans on a seed: with it there is hardly any benefit, without it the host falls by the dependency."""

    def accuracy(epoch: int, on: Mapping[int, float], there: Mapping[int, float]) -> float:
        lean = dependency * sum(there.values())
        return base + drift * epoch - lean + (dependency + benefit) * sum(on.values())

    return accuracy


def entangled(contribution: float, total: float, *, base: float = 40.0, drift: float = 0.0) -> World:
    """Seeds in slots 0 and 1. One alone does nothing; two come to need each other: together they bring total, and
    either one without the other total - contribution.
    """

    def accuracy(epoch: int, on: Mapping[int, float], there: Mapping[int, float]) -> float:
        bond = min(there.get(0, 0.0), there.get(1, 0.0))
        first, second = (min(on.get(slot, 0.0), bond) for slot in (0, 1))
        both = min(first, second)
        return base + drift * epoch + total * both + (total - contribution) * (max(first, second) - both)

    return accuracy


# --- players -------------------------------------------------------------------------------------------------------


def wait(_epoch: int, _seeds: Seeds) -> Move:
    return Move()


def grower(*slots: int, first_epoch: int = 5, commit_after: int | None = 5) -> Player:
    """Germinate, train, blend, hold, and commit after so many epochs in HOLDING; None: never."""

    def choose(epoch: int, seeds: Seeds) -> Move:
        if epoch < first_epoch:
            return Move()
        moves = (_next_move(seeds[slot], slot, commit_after) for slot in slots)
        busy = [move for move in moves if move.op is not Op.WAIT]
        return busy[0] if busy else Move(slot=slots[0])

    return choose


def _next_move(seed: SeedInfo | None, slot: int, commit_after: int | None) -> Move:
    if seed is None:
        return Move(op=Op.GERMINATE, slot=slot)
    if _can_advance(seed):
        return Move(op=Op.ADVANCE, slot=slot)
    held = seed.stage is SeedStage.HOLDING and commit_after is not None and seed.epochs_in_stage >= commit_after
    return Move(op=Op.FOSSILIZE if held else Op.WAIT, slot=slot)


def _can_advance(seed: SeedInfo) -> bool:
    if seed.stage is SeedStage.GERMINATED:
        return True
    if seed.stage is SeedStage.TRAINING:
        return seed.epochs_in_stage >= GROWTH.min_training_epochs
    return seed.stage is SeedStage.BLENDING and seed.alpha_mode is AlphaMode.HOLD


def turntabler(slot: int, *, commit_at: int | None = None, low: float = 0.7, steps: int = 0) -> Player:
    """Grow, then send alpha down and up again instead of deciding; commit in epoch commit_at, if ever."""
    grow = grower(slot, commit_after=None)

    def choose(epoch: int, seeds: Seeds) -> Move:
        seed = seeds[slot]
        if seed is None or seed.stage is not SeedStage.HOLDING or epoch < 5:
            return grow(epoch, seeds)
        if commit_at is not None and epoch >= commit_at:
            return Move(op=Op.FOSSILIZE, slot=slot)
        target = low if seed.alpha > low else 1.0
        return Move(op=Op.SET_ALPHA_TARGET, slot=slot, alpha_target=target, steps=steps)

    return choose


def farmer(slot: int, *, prune_in: SeedStage, prune_after: int = 1, steps: int = 0) -> Player:
    """Germinate and prune over and over, each seed after so many epochs in a stage."""
    grow = grower(slot, commit_after=None)

    def choose(epoch: int, seeds: Seeds) -> Move:
        seed = seeds[slot]
        ready = seed is not None and seed.stage is prune_in and seed.epochs_in_stage >= prune_after
        if ready and seed is not None and seed.alpha_mode is AlphaMode.HOLD:
            return Move(op=Op.PRUNE, slot=slot, steps=steps)
        return grow(epoch, seeds)

    return choose


# --- random lives --------------------------------------------------------------------------------------------------


def random_world(dice: random.Random) -> World:
    """Seeds of random worth that help and hinder each other, on a host that drifts and jitters."""
    points = [dice.uniform(-12.0, 12.0) for _ in SLOTS]
    bonds = {(i, j): dice.uniform(-6.0, 6.0) for i, j in combinations(range(len(SLOTS)), 2)}
    drift = dice.uniform(-0.2, 0.4)
    jitter = [dice.uniform(-2.0, 2.0) for _ in range(200)]

    def accuracy(epoch: int, on: Mapping[int, float], _there: Mapping[int, float]) -> float:
        alone = sum(alpha * points[slot] for slot, alpha in on.items())
        together = sum(on.get(i, 0.0) * on.get(j, 0.0) * bond for (i, j), bond in bonds.items())
        return min(max(40.0 + drift * epoch + jitter[epoch] + alone + together, 0.0), 100.0)

    return accuracy


def random_player(dice: random.Random) -> Player:
    """Any op that is possible, WAIT and PRUNE less often, so that seeds come to live."""
    weights = {Op.WAIT: 0.3, Op.PRUNE: 0.15}

    def choose(_epoch: int, seeds: Seeds) -> Move:
        view = GardenView(slots=seeds, config=GROWTH)
        possible = [(op, slot) for op in Op for slot in range(len(SLOTS)) if refusal(view, op, slot) is None]
        (op, slot), *_ = dice.choices(possible, weights=[weights.get(op, 1.0) for op, _ in possible])
        return Move(op=op, slot=slot, alpha_target=dice.choice((0.5, 0.7, 1.0)), steps=dice.choice((0, 3)))

    return choose


def random_episode(seed: int, config: RewardConfig, *, epochs: int = 40, terminal: bool = False) -> Episode:
    dice = random.Random(seed)
    return play(random_world(dice), random_player(dice), config, epochs=epochs, terminal=terminal)
