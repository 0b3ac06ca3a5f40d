"""Ablation: the same validation pass with some seeds switched off.

Legend: E envs, B minibatch, K ablation configs, S slots.

A slot changes only what comes after it, so configurations that agree up to a segment share the work up to there: they
form a tree of prefixes, and every host segment and seed runs once per distinct prefix, not once per configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from torch import Tensor

from esper.contracts.counterfactual import SlotMask
from esper.fleet.forward import FleetNetwork
from esper.fleet.plan import BankPlan, FleetPlan
from esper.growth.blending import RowMask


class Choice(Enum):
    """Which seeds of a slot are on: all that are active, none, or the fossilised ones."""

    CURRENT = "current"
    OFF = "off"
    COMMITTED = "committed"


Configuration = tuple[Choice, ...]
"""One choice per slot."""

Leaf = Callable[[Configuration, Tensor], None]
"""Called with each configuration and its logits."""


def ablation_configurations(
    active_es: Sequence[SlotMask], committed_es: Sequence[SlotMask], *, ablation: bool
) -> tuple[Configuration, ...]:
    """The distinct configurations to measure; the first one is the network as it is.

    With ablation: each slot with an active seed off alone, all off, and only fossilised seeds on. Configurations that
    give the same result in every env are listed once, in the form that canonical() gives them.
    """
    slots = len(active_es[0])
    main = (Choice.CURRENT,) * slots
    wanted = [main]
    if ablation:
        wanted += [(*main[:slot], Choice.OFF, *main[slot + 1 :]) for slot in range(slots)]
        wanted += [(Choice.OFF,) * slots, (Choice.COMMITTED,) * slots]
    return tuple(dict.fromkeys(canonical(one, active_es, committed_es) for one in wanted))


def canonical(
    configuration: Configuration, active_es: Sequence[SlotMask], committed_es: Sequence[SlotMask]
) -> Configuration:
    """The same configuration with the simplest choice per slot that does the same in every env."""
    simplest: list[Choice] = []
    for slot, choice in enumerate(configuration):
        active = [row[slot] for row in active_es]
        committed = [a and row[slot] for a, row in zip(active, committed_es, strict=True)]
        if not any(active) or (choice is Choice.COMMITTED and not any(committed)):
            choice = Choice.OFF
        elif choice is Choice.COMMITTED and committed == active:
            choice = Choice.CURRENT
        simplest.append(choice)
    return tuple(simplest)


def slots_on(configuration: Configuration, active: SlotMask, committed: SlotMask) -> SlotMask:
    """Which seeds of one env a configuration leaves on."""
    on = {Choice.CURRENT: active, Choice.OFF: (False,) * len(active), Choice.COMMITTED: committed}
    return tuple(active[slot] and on[choice][slot] for slot, choice in enumerate(configuration))


def evaluate_tree(
    network: FleetNetwork, plan: FleetPlan, inputs: Tensor, configurations: Sequence[Configuration], leaf: Leaf
) -> None:
    """Compute the logits of all configurations, sharing common prefixes. Configurations must be distinct."""
    _visit(network, plan, 0, inputs, configurations, leaf)


def evaluate_whole(
    network: FleetNetwork, plan: FleetPlan, inputs: Tensor, configurations: Sequence[Configuration], leaf: Leaf
) -> None:
    """The slow twin of evaluate_tree: one whole forward pass per configuration."""
    for configuration in configurations:
        evaluate_tree(network, plan, inputs, [configuration], leaf)


def _visit(
    network: FleetNetwork,
    plan: FleetPlan,
    segment: int,
    features: Tensor,
    configurations: Sequence[Configuration],
    leaf: Leaf,
) -> None:
    features = network.host.run_segment(segment, features)
    for members, blended in _branches(network, plan, segment, features, configurations):
        if segment + 1 < network.host.segments:
            _visit(network, plan, segment + 1, blended, members, leaf)
        else:
            (configuration,) = members
            leaf(configuration, network.host.classify(blended))


def _branches(
    network: FleetNetwork, plan: FleetPlan, segment: int, features: Tensor, configurations: Sequence[Configuration]
) -> list[tuple[list[Configuration], Tensor]]:
    """Configurations grouped by their choice for the slot after a segment, with the features of each group."""
    slot = network.slot_after(segment)
    if slot is None:
        return [(list(configurations), features)]
    groups: dict[Choice, list[Configuration]] = {}
    for configuration in configurations:
        groups.setdefault(configuration[slot], []).append(configuration)
    banks = plan.slots[slot]
    outputs = network.seed_outputs(features, banks) if groups.keys() != {Choice.OFF} else []
    branches: list[tuple[list[Configuration], Tensor]] = []
    for choice, members in groups.items():
        blended = features if choice is Choice.OFF else network.blend(features, banks, outputs, _SEEDS_ON[choice])
        branches.append((members, blended))
    return branches


def _current(plan: BankPlan) -> RowMask:
    return plan.active


def _committed(plan: BankPlan) -> RowMask:
    return plan.committed


_SEEDS_ON: dict[Choice, Callable[[BankPlan], RowMask]] = {Choice.CURRENT: _current, Choice.COMMITTED: _committed}
