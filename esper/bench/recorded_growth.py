"""The growth of a recorded run with one env: what its host was in each epoch.

EPOCH_COMPLETED holds the slots as they were while the epoch was trained. Blends follow from the germinations and from
the SET_ALPHA_TARGET actions that changed a style. The configurations that were validated are those of the ablation
event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from esper.contracts.actions import STYLE_VALUES, AlphaAlgorithm, AlphaMode, Blueprint, Op, Style, Topology
from esper.contracts.counterfactual import SlotMask
from esper.contracts.slots import SlotConfig
from esper.contracts.stages import ACTIVE_STAGES, SeedStage
from esper.growth.lifecycle.state import SlotControl
from esper.telemetry.events import (
    CounterfactualMatrixComputed,
    EpochCompleted,
    Event,
    LastAction,
    SeedGerminated,
    SlotSnapshot,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownSeed:
    """One slot in one epoch.

    control: None while the seed is not in the forward path.
    algorithm: how the seed is blended.
    """

    slot: int
    seed_id: str
    blueprint: Blueprint
    algorithm: AlphaAlgorithm
    control: SlotControl | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownEpoch:
    """One epoch.

    masks: the sets of seeds that were validated.
    """

    seeds: tuple[GrownSeed, ...]
    masks: tuple[SlotMask, ...]


def recorded_growth(events: Iterable[Event], slots: SlotConfig, topology: Topology) -> tuple[GrownEpoch, ...]:
    """Every epoch of a run's only env, in order."""
    blends: dict[str, AlphaAlgorithm] = {}
    masks: tuple[SlotMask, ...] | None = None
    epochs: list[GrownEpoch] = []
    for event in events:
        match event.payload:
            case SeedGerminated(slot_id=slot, alpha_algorithm=algorithm):
                assert algorithm is not None, "today's runs record how every seed is blended"
                blends[slot] = algorithm
            case LastAction(success=True, effective_op=Op.SET_ALPHA_TARGET.name) as action:
                blends[action.slot_id] = _blend_of(action)
            case CounterfactualMatrixComputed(configs=configs):
                masks = tuple(config.slots_on for config in configs)
            case EpochCompleted() as epoch:
                grown = tuple(_seed(item, slots, blends, topology) for item in epoch.slots if item.params)
                epochs.append(GrownEpoch(seeds=grown, masks=masks or ((False,) * slots.num_slots,)))
                masks = None
            case _:
                pass
    return tuple(epochs)


def _blend_of(action: LastAction) -> AlphaAlgorithm:
    (style,) = (head.choice for head in action.heads if head.head == "style")
    return STYLE_VALUES[Style[style.upper()]][1]


def _seed(
    snapshot: SlotSnapshot, slots: SlotConfig, blends: dict[str, AlphaAlgorithm], topology: Topology
) -> GrownSeed:
    return GrownSeed(
        slot=slots.slot_ids.index(snapshot.slot_id),
        seed_id=snapshot.seed_id,
        blueprint=Blueprint[snapshot.blueprint.upper()],
        algorithm=blends[snapshot.slot_id],
        control=_control(snapshot, blends[snapshot.slot_id], topology),
    )


def _control(snapshot: SlotSnapshot, algorithm: AlphaAlgorithm, topology: Topology) -> SlotControl | None:
    """What slot_control of growth/lifecycle/state.py returned at that time."""
    if snapshot.stage not in ACTIVE_STAGES:
        return None
    training, committed = snapshot.stage is SeedStage.TRAINING, snapshot.stage is SeedStage.FOSSILIZED
    return SlotControl(
        alpha=snapshot.alpha,
        straight_through=training,
        isolate=training or (topology is Topology.CNN and not committed),
        frozen=snapshot.alpha_mode is AlphaMode.DOWN,
        committed=committed,
        algorithm=algorithm,
    )
