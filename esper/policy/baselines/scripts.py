"""The scripted policies with which a reward is audited: good plans, poor ones, and plans to be paid for nothing.

Each is a rule for one env and one episode. Blueprints are named by their role, so that the same scripts run on every
kind of host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from esper.contracts.actions import AlphaTarget, Blueprint, Op, Style, Tempo, Topology
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.policy.baselines.config import HeuristicConfig, HillclimbConfig
from esper.policy.baselines.heuristic import HeuristicRule
from esper.policy.baselines.hillclimb import HillclimbRule
from esper.policy.baselines.random_legal import RandomRule
from esper.policy.baselines.rotation import ROTATION
from esper.policy.baselines.rule import WAIT, Choice, Rule, germinate, on_slot
from esper.policy.baselines.seeds import live_seeds, move_on
from esper.policy.baselines.static import StaticRule
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation

KINDS: Final[dict[Topology, tuple[Blueprint, ...]]] = {
    Topology.CNN: (
        Blueprint.CONV_LIGHT,
        Blueprint.CONV_HEAVY,
        Blueprint.CONV_SMALL,
        Blueprint.NORM,
        Blueprint.ATTENTION,
        Blueprint.DEPTHWISE,
        Blueprint.BOTTLENECK,
    ),
    Topology.TRANSFORMER: (
        Blueprint.MLP_SMALL,
        Blueprint.MLP,
        Blueprint.LORA,
        Blueprint.NORM,
        Blueprint.ATTENTION,
        Blueprint.LORA_LARGE,
        Blueprint.FLEX_ATTENTION,
    ),
}
"""For each kind of host a usual blueprint, the largest, a small one, one that only normalises, and others."""

NEVER: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a script does with its seeds. Times in epochs.

    blueprints: of the seeds in turn.
    at: the first epoch in which each may be germinated.
    advance_until: the stage in which a seed is left.
    hold: how long it stays in HOLDING before it is fossilised.
    prune_age: the age at which a live seed is pruned.
    again: germinate again whenever a slot is free.
    swing: keep sending alpha up and down instead of fossilising.
    """

    blueprints: tuple[Blueprint, ...]
    at: tuple[int, ...] = (1,)
    advance_until: SeedStage = SeedStage.HOLDING
    hold: int = 1
    prune_age: int = NEVER
    again: bool = False
    swing: bool = False
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL


class PlannedRule:
    """Carries out a plan in one env: first for the seeds that it has, slot by slot, then the next germination."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._germinated = 0

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        for slot, seed in live_seeds(env.view):
            choice = self._tend(slot, seed, env, legal)
            if choice.op is not Op.WAIT:
                return choice
        return self._germinate(env.signals.epoch, legal)

    def _tend(self, slot: int, seed: SeedInfo, env: EnvSituation, legal: LegalChoices) -> Choice:
        plan = self._plan
        if seed.epochs_total >= plan.prune_age:
            return on_slot(legal, Op.PRUNE, slot)
        if plan.swing and legal.allows(Op.SET_ALPHA_TARGET, slot):
            target = AlphaTarget.HALF if seed.alpha > 0.9 else AlphaTarget.FULL
            return Choice(op=Op.SET_ALPHA_TARGET, slot=slot, alpha_target=target)
        if seed.stage is SeedStage.HOLDING:
            due = seed.epochs_in_stage >= plan.hold
            return on_slot(legal, Op.FOSSILIZE, slot) if due else WAIT
        return WAIT if seed.stage is plan.advance_until else move_on(slot, seed, env.view.config, legal)

    def _germinate(self, epoch: int, legal: LegalChoices) -> Choice:
        plan = self._plan
        planned = NEVER if plan.again else len(plan.at)
        if self._germinated >= planned or epoch < plan.at[min(self._germinated, len(plan.at) - 1)]:
            return WAIT
        choice = germinate(legal, plan.blueprints[self._germinated % len(plan.blueprints)])
        if choice.op is Op.WAIT:
            return WAIT
        self._germinated += 1
        return replace(choice, style=plan.style, tempo=plan.tempo, alpha_target=plan.alpha_target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A scripted policy.

    name: what tables and run files call it.
    make: makes its rule for one env and one episode.
    """

    name: str
    make: Callable[[], Rule]


def scripts(topology: Topology) -> tuple[Script, ...]:
    """Every scripted policy for hosts of this topology."""
    rotation = ROTATION[topology]
    rules = (
        Script(name="static", make=StaticRule),
        Script(name="random", make=RandomRule),
        Script(name="heuristic", make=lambda: HeuristicRule(HeuristicConfig(), rotation)),
        Script(name="hillclimb", make=lambda: HillclimbRule(HillclimbConfig(), rotation)),
    )
    planned = (*_growing(topology), *_timing(topology), *_blending(topology), *_idling(topology))
    return rules + tuple(_script(name, plan) for name, plan in planned)


def _script(name: str, plan: Plan) -> Script:
    return Script(name=name, make=lambda: PlannedRule(plan))


def _growing(topology: Topology) -> Iterator[tuple[str, Plan]]:
    """What is grown, and how much of it."""
    kinds = KINDS[topology]
    usual, large, small, norm, attention = kinds[:5]
    for kind in kinds:
        yield f"one {_name(kind)}", Plan(blueprints=(kind,))
    for kind in (usual, large, small, norm):
        yield f"two {_name(kind)}", Plan(blueprints=(kind,), at=(1, 6))
    for kind in (usual, large, norm, attention):
        yield f"all {_name(kind)}", Plan(blueprints=(kind,), at=(1, 1, 1))
    yield "three kinds", Plan(blueprints=(usual, attention, norm), at=(1, 6, 11))
    yield "large, then norm", Plan(blueprints=(large, norm), at=(1, 6))


def _timing(topology: Topology) -> Iterator[tuple[str, Plan]]:
    """When a seed is germinated, and how long it is held."""
    large = KINDS[topology][1]
    for epoch in (3, 5, 8, 12, 16):
        yield f"one {_name(large)} at {epoch}", Plan(blueprints=(large,), at=(epoch,))
    for epochs in (5, 10):
        yield f"one {_name(large)}, held {epochs}", Plan(blueprints=(large,), hold=epochs)


def _blending(topology: Topology) -> Iterator[tuple[str, Plan]]:
    """How a seed is blended in."""
    usual, large = KINDS[topology][:2]
    yield "half alpha", Plan(blueprints=(large,), alpha_target=AlphaTarget.HALF)
    yield "seventy alpha", Plan(blueprints=(large,), alpha_target=AlphaTarget.SEVENTY)
    yield "slow ramp", Plan(blueprints=(large,), tempo=Tempo.SLOW)
    yield "multiplied", Plan(blueprints=(usual,), style=Style.LINEAR_MULTIPLY)
    yield "gated", Plan(blueprints=(usual,), style=Style.GATED_GATE)


def _idling(topology: Topology) -> Iterator[tuple[str, Plan]]:
    """What commits nothing: seeds that are only kept waiting, taken away again, or made to look busy."""
    usual, large, _, norm = KINDS[topology][:4]
    yield "germinates only", Plan(blueprints=(large,), advance_until=SeedStage.GERMINATED)
    yield "trains only", Plan(blueprints=(large,), advance_until=SeedStage.TRAINING)
    yield "never commits", Plan(blueprints=(large,), hold=NEVER)
    yield "three never commit", Plan(blueprints=(usual,), at=(1, 6, 11), hold=NEVER)
    yield "swings alpha", Plan(blueprints=(large,), swing=True)
    for age in (8, 12, 18):
        yield f"prunes at {age}", Plan(blueprints=(large,), hold=NEVER, prune_age=age)
    yield "churns norm", Plan(blueprints=(norm,), prune_age=6, again=True)
    yield "churns all", Plan(blueprints=KINDS[topology], prune_age=4, again=True)


def _name(blueprint: Blueprint) -> str:
    return blueprint.name.lower()
