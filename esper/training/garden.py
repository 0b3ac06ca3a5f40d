"""The seeds of a fleet: lifecycle state on the CPU and modules in the fleet, kept in step.

Lifecycle functions are pure and know nothing about tensors, and the fleet knows nothing about stages. This module is
the only place where both change together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from esper.contracts.actions import (
    ALPHA_CURVE_VALUES,
    ALPHA_SPEED_EPOCHS,
    TEMPO_EPOCHS,
    AlphaAlgorithm,
    Blueprint,
    Op,
    Topology,
)
from esper.contracts.randomness import derive_seed
from esper.contracts.seeds import PruneInitiator, SeedInfo
from esper.contracts.slots import SlotConfig
from esper.contracts.stages import SeedStage
from esper.fleet.fleet import Fleet
from esper.growth.lifecycle import transitions as lifecycle
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import Change, LifecycleEvent
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.growth.lifecycle.state import (
    Germination,
    SeedMeasurement,
    SeedState,
    has_module,
    record_measurement,
    seed_info,
    slot_control,
)
from esper.training.vectorized_types import ActionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEvent:
    """Something that happened to the seed of one slot, given by its index in slot order."""

    slot: int
    event: LifecycleEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What became of an action. refused is None if it was carried out, else the reason in plain words."""

    refused: str | None
    events: tuple[SlotEvent, ...]


NOTHING = Execution(refused=None, events=())


class Garden:
    """The seed states of one batch, [E][S], and the operations on them."""

    def __init__(
        self,
        fleet: Fleet,
        config: GrowthConfig,
        topology: Topology,
        *,
        run_seed: int,
        first_episode: int,
        group_size: int,
    ) -> None:
        """first_episode: the number of the episode that the run's env 0 starts, from which seed ids and initial values
        follow.
        group_size: the number of envs per policy group. Env k of each group has the same episode number, seed ids
        and initial values.
        """
        self._fleet = fleet
        self._config = config
        self._topology = topology
        self._run_seed = run_seed
        self._first_episode = first_episode
        self._group_size = group_size
        self._states: dict[int, list[SeedState | None]] = {
            env: [None] * fleet.slot_config.num_slots for env in fleet.envs
        }
        self._germinations = dict.fromkeys(fleet.envs, 0)

    @property
    def slot_config(self) -> SlotConfig:
        return self._fleet.slot_config

    def infos(self, env: int) -> tuple[SeedInfo | None, ...]:
        """The seeds of one env in slot order, as everything outside sees them."""
        return tuple(
            None if state is None else seed_info(state, slot_id)
            for slot_id, state in zip(self.slot_config.slot_ids, self._states[env], strict=True)
        )

    def view(self, env: int) -> GardenView:
        """What the predicates need in order to say which ops are possible in this env."""
        return GardenView(slots=self.infos(env), config=self._config, closed_gates=self._closed_gates(env))

    def _closed_gates(self, env: int) -> tuple[str | None, ...]:
        """What each gate would answer now. Nothing where growth.op_masks leaves that to the attempt."""
        if self._config.op_masks == "possible":
            return ()
        states = self._states[env]
        return tuple(None if state is None else lifecycle.closed_gate(state, self._config) for state in states)

    def germinations(self, env: int) -> int:
        """The number of seeds that this env has germinated in its episode."""
        return self._germinations[env]

    def total_params(self, env: int) -> int:
        """The number of the host's parameters and those of every seed that now has a module."""
        seeds = sum(state.parameter_count for state in self._states[env] if has_module(state) and state is not None)
        return self._fleet.host_parameter_count + seeds

    def record(self, env: int, slot: int, measurement: SeedMeasurement) -> None:
        """Write one epoch's measurement of a seed into its state."""
        state = self._states[env][slot]
        assert state is not None, "only occupied slots are measured"
        self._states[env][slot] = record_measurement(state, measurement)

    def execute(self, env: int, spec: ActionSpec, val_accuracy: float) -> Execution:
        """Carry out an action. An op that is not possible now is refused and changes nothing."""
        if spec.op is Op.WAIT:
            return NOTHING
        refused = refusal(self.view(env), spec.op, spec.slot_idx)
        if refused is not None:
            return Execution(refused=refused.words, events=())
        if spec.op is Op.GERMINATE:
            return self._germinate(env, spec, val_accuracy)
        state = self._states[env][spec.slot_idx]
        assert state is not None, "the predicates allow these ops on occupied slots only"
        return self._apply(env, spec.slot_idx, self._change(state, spec))

    def tick(self, env: int) -> tuple[SlotEvent, ...]:
        """Let one epoch pass for every seed of an env."""
        events: list[SlotEvent] = []
        for slot, state in enumerate(self._states[env]):
            if state is not None:
                events += self._apply(env, slot, lifecycle.tick(state, self._config)).events
        return tuple(events)

    def prune_live(self, env: int, reason: str) -> tuple[SlotEvent, ...]:
        """Remove every seed of an env whose fate is open, as a rollback by the governor requires."""
        events: list[SlotEvent] = []
        for slot, state in enumerate(self._states[env]):
            if state is not None and has_module(state) and state.stage is not SeedStage.FOSSILIZED:
                change = lifecycle.prune(state, reason=reason, initiator=PruneInitiator.GOVERNOR)
                events += self._apply(env, slot, change).events
        return tuple(events)

    def _germinate(self, env: int, spec: ActionSpec, val_accuracy: float) -> Execution:
        blueprint = Blueprint(spec.blueprint_idx)
        place, number = env % self._group_size, self._germinations[env]
        episode = self._first_episode + place
        generator = torch.Generator().manual_seed(derive_seed(self._run_seed, "seed", episode, number))
        gated = spec.alpha_algorithm is AlphaAlgorithm.GATE
        params = self._fleet.add_seed(env, spec.slot_idx, blueprint, generator, gated=gated)
        self._germinations[env] += 1
        request = Germination(
            seed_id=f"ep{episode}_env{place}_seed_{number}",
            blueprint=blueprint,
            style=spec.style,
            tempo_epochs=TEMPO_EPOCHS[spec.tempo_idx],
            alpha_target=spec.alpha_target,
            parameter_count=params,
            val_accuracy=val_accuracy,
        )
        change = lifecycle.germinate(self._states[env][spec.slot_idx], request)
        assert change.refused is None, "a seed that was built for an empty slot germinates"
        return self._apply(env, spec.slot_idx, change)

    def _change(self, state: SeedState, spec: ActionSpec) -> Change:
        """The lifecycle function for an op on an occupied slot, with the heads that matter for it."""
        steps = ALPHA_SPEED_EPOCHS[spec.alpha_speed_idx]
        curve, steepness = ALPHA_CURVE_VALUES[spec.alpha_curve_idx]
        match spec.op:
            case Op.ADVANCE:
                return lifecycle.advance(state, self._config)
            case Op.FOSSILIZE:
                return lifecycle.fossilize(state, self._config)
            case Op.PRUNE:
                return lifecycle.schedule_prune(state, steps=steps, curve=curve, steepness=steepness)
            case Op.SET_ALPHA_TARGET:
                return lifecycle.set_alpha_target(
                    state,
                    target=spec.alpha_target,
                    steps=steps,
                    curve=curve,
                    steepness=steepness,
                    algorithm=spec.alpha_algorithm,
                )
            case Op.WAIT | Op.GERMINATE:
                raise AssertionError("these ops are handled before")

    def _apply(self, env: int, slot: int, change: Change) -> Execution:
        """Store a change, free a module that is no longer needed, inform the fleet, and name the events."""
        before, after = self._states[env][slot], change.state
        if has_module(before) and not has_module(after):
            self._fleet.remove_seed(env, slot)
        elif before is not None and after is not None and has_module(after):
            after = self._fit_gate(env, slot, before, after)
        self._states[env][slot] = after
        self._fleet.set_controls(env, [slot_control(state, self._topology) for state in self._states[env]])
        return Execution(
            refused=change.refused, events=tuple(SlotEvent(slot=slot, event=event) for event in change.events)
        )

    def _fit_gate(self, env: int, slot: int, before: SeedState, after: SeedState) -> SeedState:
        """The state after the seed has gained or lost a gate network, if its blend changed to or from GATE."""
        gated = after.alpha_algorithm is AlphaAlgorithm.GATE
        if (before.alpha_algorithm is AlphaAlgorithm.GATE) == gated:
            return after
        names = ("gate", after.seed_id, after.epochs_total)
        generator = torch.Generator().manual_seed(derive_seed(self._run_seed, *names))
        return replace(after, parameter_count=self._fleet.set_gate(env, slot, gated, generator))
