"""What each baseline does in known states."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from esper.contracts.actions import (
    NUM_HEADS,
    RELEVANT_HEADS,
    AlphaMode,
    AlphaTarget,
    Blueprint,
    Head,
    Op,
    Tempo,
    Topology,
)
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.errors import ConfigError
from esper.policy.baselines.config import HeuristicConfig, HillclimbConfig, ScheduleConfig
from esper.policy.baselines.deciding import IllegalChoiceError, to_decision
from esper.policy.baselines.heuristic import HeuristicRule
from esper.policy.baselines.hillclimb import HillclimbRule
from esper.policy.baselines.penalties import BlueprintRotation
from esper.policy.baselines.random_legal import RandomRule
from esper.policy.baselines.rotation import ROTATION, resolve_blueprints
from esper.policy.baselines.rule import WAIT, Choice, Rule
from esper.policy.baselines.schedule import ScheduleRule
from esper.policy.baselines.static import StaticRule
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation

Scene = tuple[EnvSituation, LegalChoices]
MakeScene = Callable[..., Scene]
HALF = (0.5,) * NUM_HEADS
CNN = ROTATION[Topology.CNN]


def ask(rule: Rule, at: Scene) -> Choice:
    return rule.decide(*at, HALF)


def ready_heuristic(scene: MakeScene, config: HeuristicConfig | None = None) -> HeuristicRule:
    """A heuristic whose host has been calm and flat for three epochs."""
    rule = HeuristicRule(config or HeuristicConfig(), CNN)
    for epoch in range(2, 5):
        assert ask(rule, scene(epoch=epoch)) == WAIT
    return rule


def at_stage(seed: SeedInfo, stage: SeedStage, **changes: float | None) -> SeedInfo:
    return replace(seed, stage=stage, **changes)


def test_static_waits_whatever_is_legal(scene: MakeScene) -> None:
    assert ask(StaticRule(), scene()) == WAIT


def test_random_draws_every_legal_op_and_only_relevant_heads(scene: MakeScene, seed: SeedInfo) -> None:
    env, legal = scene(at_stage(seed, SeedStage.HOLDING), None)
    generator = torch.Generator().manual_seed(0)
    seen: Counter[Op] = Counter()
    for _ in range(600):
        choice = RandomRule().decide(env, legal, tuple(torch.rand(NUM_HEADS, generator=generator).tolist()))
        decision = to_decision(choice, legal)  # raises if it is illegal
        seen[choice.op] += 1
        for head in decision.heads:
            if head.head not in RELEVANT_HEADS[choice.op]:
                assert head.choice == WAIT.actions[head.head]
    assert set(seen) == set(legal.ops)
    assert min(seen.values()) > 600 / len(legal.ops) / 2


def test_random_says_honestly_how_likely_it_was(scene: MakeScene) -> None:
    _, legal = scene()
    decision = to_decision(RandomRule().decide(*scene(), (0.0,) * 7 + (0.99,)), legal)
    assert decision.op is Op.GERMINATE
    heads = {head.head: head for head in decision.heads}
    assert heads[Head.OP].probability == 1 / len(legal.ops)
    assert heads[Head.SLOT].probability == 1 / 2
    assert heads[Head.BLUEPRINT].entropy == pytest.approx(math.log(7))
    assert heads[Head.ALPHA_SPEED].entropy == 0.0
    assert decision.entropy == pytest.approx(sum(math.log(n) for n in (2, 2, 7, 4, 3, 3)))
    assert [(item.op, item.probability) for item in decision.alternatives] == [(Op.WAIT, 0.5)]
    assert decision.value is None


def test_a_certain_choice_has_probability_one(scene: MakeScene) -> None:
    decision = to_decision(Choice(op=Op.GERMINATE, slot=1, blueprint=Blueprint.NORM), scene()[1])
    assert {head.probability for head in decision.heads} == {1.0}
    assert (decision.entropy, decision.alternatives, decision.value) == (0.0, (), None)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(op=Op.FOSSILIZE),
        Choice(op=Op.GERMINATE, slot=0, blueprint=Blueprint.NORM),
        Choice(op=Op.GERMINATE, slot=1, blueprint=Blueprint.NOOP),
        Choice(op=Op.GERMINATE, slot=1, blueprint=Blueprint.LORA),
    ],
)
def test_an_illegal_choice_is_refused_by_name(scene: MakeScene, seed: SeedInfo, choice: Choice) -> None:
    _, legal = scene(at_stage(seed, SeedStage.FOSSILIZED), None)
    with pytest.raises(IllegalChoiceError, match=choice.op.name):
        to_decision(choice, legal)


def test_the_schedule_germinates_when_it_is_due_and_in_the_order_of_its_blueprints(scene: MakeScene) -> None:
    rule = ScheduleRule(
        ScheduleConfig(germinate_epochs=(3, 4, 9), blueprints=("norm", "attention")),
        (Blueprint.NORM, Blueprint.ATTENTION),
    )
    grown = {epoch: ask(rule, scene(epoch=epoch)).blueprint for epoch in range(1, 12)}
    named = {epoch: blueprint for epoch, blueprint in grown.items() if blueprint is not Blueprint.NOOP}
    assert named == {3: Blueprint.NORM, 4: Blueprint.ATTENTION, 9: Blueprint.NORM}


def test_the_schedule_plants_where_and_as_it_is_told(scene: MakeScene) -> None:
    config = ScheduleConfig(
        germinate_epochs=(1, 2), slots=("r0c1", "r0c0"), blueprints=("norm",), tempo="slow", alpha_target="half"
    )
    rule = ScheduleRule(config, (Blueprint.NORM,), slots=(1, 0))
    for epoch, slot in ((1, 1), (2, 0)):
        choice = ask(rule, scene(epoch=epoch))
        assert (choice.op, choice.slot, choice.blueprint) == (Op.GERMINATE, slot, Blueprint.NORM)
        assert (choice.tempo, choice.alpha_target) == (Tempo.SLOW, AlphaTarget.HALF)


def test_the_schedule_waits_for_a_slot_that_is_not_free(scene: MakeScene, seed: SeedInfo) -> None:
    rule = ScheduleRule(ScheduleConfig(germinate_epochs=(1,), slots=("r0c1",)), CNN, slots=(1,))
    assert ask(rule, scene(None, at_stage(seed, SeedStage.FOSSILIZED, alpha=1.0))) == WAIT
    assert ask(rule, scene(None, None)).slot == 1


def test_the_schedule_brings_every_seed_to_its_end(scene: MakeScene, seed: SeedInfo) -> None:
    rule = ScheduleRule(ScheduleConfig(germinate_epochs=()), CNN)
    done = {"alpha": 1.0, "alpha_target": 1.0}
    assert ask(rule, scene(at_stage(seed, SeedStage.GERMINATED), None)).op is Op.ADVANCE
    assert ask(rule, scene(at_stage(seed, SeedStage.TRAINING, epochs_in_stage=2), None)) == WAIT
    assert ask(rule, scene(at_stage(seed, SeedStage.TRAINING, epochs_in_stage=3), None)).op is Op.ADVANCE
    ramping = replace(at_stage(seed, SeedStage.BLENDING, alpha=0.5), alpha_mode=AlphaMode.UP)
    assert ask(rule, scene(ramping, None)) == WAIT
    assert ask(rule, scene(at_stage(seed, SeedStage.BLENDING, **done), None)).op is Op.ADVANCE
    assert ask(rule, scene(at_stage(seed, SeedStage.HOLDING, **done, epochs_in_stage=0), None)) == WAIT
    kept = ask(rule, scene(None, at_stage(seed, SeedStage.HOLDING, **done, epochs_in_stage=1)))
    assert (kept.op, kept.slot) == (Op.FOSSILIZE, 1)


def test_the_heuristic_germinates_on_a_plateau_of_a_stable_host(scene: MakeScene) -> None:
    choice = ask(ready_heuristic(scene), scene(epoch=5))
    assert (choice.op, choice.slot, choice.blueprint) == (Op.GERMINATE, 0, Blueprint.CONV_LIGHT)


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": 50.5},  # no plateau: it gained half a point
        {"epoch": 4},  # too early
    ],
)
def test_the_heuristic_waits_while_anything_is_missing(scene: MakeScene, changes: dict[str, float]) -> None:
    assert ask(ready_heuristic(scene), scene(**{"epoch": 5, **changes})) == WAIT


def test_the_heuristic_waits_for_the_host_to_be_stable(scene: MakeScene) -> None:
    rule = HeuristicRule(HeuristicConfig(), CNN)
    for epoch in range(2, 12):
        assert ask(rule, scene(epoch=epoch, loss=0.9)) == WAIT  # the loss still falls by a tenth per epoch
    assert [ask(rule, scene(epoch=epoch)).op for epoch in (12, 13, 14)] == [Op.WAIT, Op.WAIT, Op.GERMINATE]


def test_the_heuristic_goes_through_the_blueprints(scene: MakeScene) -> None:
    rule = ready_heuristic(scene)
    assert tuple(ask(rule, scene(epoch=5 + i)).blueprint for i in range(6)) == (*CNN, CNN[0])


@pytest.mark.parametrize(
    ("stage", "age", "lost", "op"),
    [
        (SeedStage.TRAINING, 5, 2.5, Op.PRUNE),
        (SeedStage.TRAINING, 5, 2.0, Op.ADVANCE),
        (SeedStage.TRAINING, 4, 2.5, Op.ADVANCE),
        (SeedStage.BLENDING, 5, 2.5, Op.PRUNE),
    ],
)
def test_the_heuristic_prunes_what_lost_accuracy(
    scene: MakeScene, seed: SeedInfo, stage: SeedStage, age: int, lost: float, op: Op
) -> None:
    losing = at_stage(seed, stage, epochs_in_stage=age, accuracy_at_stage_start=60.0, current_accuracy=60.0 - lost)
    assert ask(HeuristicRule(HeuristicConfig(), CNN), scene(losing, None)).op is op


@pytest.mark.parametrize(
    ("contribution", "gain", "op"),
    [
        (0.6, 5.0, Op.FOSSILIZE),
        (0.5, 5.0, Op.PRUNE),  # not above the threshold, however far the host has come
        (4.0, -1.0, Op.PRUNE),  # holds the host to ransom
        (None, 0.6, Op.FOSSILIZE),
        (None, 0.4, Op.PRUNE),
    ],
)
def test_the_heuristic_judges_by_the_measured_contribution(
    scene: MakeScene, seed: SeedInfo, contribution: float | None, gain: float, op: Op
) -> None:
    held = at_stage(seed, SeedStage.HOLDING, contribution=contribution, current_accuracy=20.0 + gain)
    assert ask(HeuristicRule(HeuristicConfig(), CNN), scene(held, None)).op is op


def test_after_a_prune_the_heuristic_pauses_and_remembers(scene: MakeScene, seed: SeedInfo) -> None:
    rule = ready_heuristic(scene, HeuristicConfig(penalty=32.0, penalty_limit=0.9))
    assert ask(rule, scene(epoch=5)).blueprint is Blueprint.CONV_LIGHT
    bad = replace(at_stage(seed, SeedStage.HOLDING, contribution=-3.0), blueprint=Blueprint.CONV_HEAVY)
    assert ask(rule, scene(bad, None, epoch=8)).op is Op.PRUNE
    choices = {epoch: ask(rule, scene(epoch=epoch)) for epoch in range(9, 14)}
    assert {epoch for epoch, choice in choices.items() if choice.op is Op.GERMINATE} == {13}
    assert choices[13].blueprint is Blueprint.ATTENTION  # conv_heavy's turn, but its penalty is 32 / 2^5 = 1


def test_penalties_halve_and_are_forgotten() -> None:
    rotation = BlueprintRotation(HeuristicConfig(), CNN)
    rotation.punish(Blueprint.NORM)
    values: list[float | None] = []
    for _ in range(6):
        values.append(rotation.penalties.get(Blueprint.NORM))
        rotation.pass_epoch()
    assert values == [2.0, 1.0, 0.5, 0.25, 0.125, None]


def test_when_all_are_penalised_the_least_penalised_comes_first() -> None:
    rotation = BlueprintRotation(HeuristicConfig(), CNN)
    for count, blueprint in enumerate(CNN, start=2):
        for _ in range(count):
            rotation.punish(blueprint)
    assert rotation.candidate() is CNN[0]
    rotation.take(CNN[0])
    assert rotation.candidate() is CNN[1]


def hillclimber(scene: MakeScene, accuracy: float) -> HillclimbRule:
    """One that has germinated at this accuracy."""
    rule = HillclimbRule(HillclimbConfig(window=2), CNN)
    choices = [ask(rule, scene(epoch=epoch, accuracy=accuracy)).op for epoch in (1, 2, 3)]
    assert choices == [Op.WAIT, Op.WAIT, Op.GERMINATE]
    return rule


@pytest.mark.parametrize(("after", "op"), [(51.0, Op.FOSSILIZE), (50.0, Op.PRUNE), (45.0, Op.PRUNE)])
def test_hillclimb_keeps_what_raised_accuracy(scene: MakeScene, seed: SeedInfo, after: float, op: Op) -> None:
    rule = hillclimber(scene, 50.0)
    held = at_stage(seed, SeedStage.HOLDING)
    for age in (0, 1):
        assert ask(rule, scene(replace(held, epochs_in_stage=age), None, accuracy=after)) == WAIT
    assert ask(rule, scene(replace(held, epochs_in_stage=2), None, accuracy=after)).op is op


def test_hillclimb_tries_another_blueprint_next(scene: MakeScene) -> None:
    rule = hillclimber(scene, 50.0)
    assert ask(rule, scene(epoch=10)).blueprint is CNN[1]


def test_hillclimb_starts_nothing_that_it_cannot_judge(scene: MakeScene) -> None:
    rule = hillclimber(scene, 50.0)
    assert ask(rule, scene(epoch=14)) == WAIT  # 2 + 3 training + 5 ramp + 2 holding epochs are needed, of 25
    assert ask(rule, scene(epoch=13)).op is Op.GERMINATE


def test_blueprints_must_exist_and_fit_the_host() -> None:
    with pytest.raises(ConfigError, match="did you mean conv_light"):
        HeuristicConfig(blueprints=("conv_lite",))
    with pytest.raises(ConfigError, match=r"controller\.schedule\.blueprints has 'lora': a cnn host can grow"):
        resolve_blueprints(("lora",), Topology.CNN, key="controller.schedule.blueprints")
    with pytest.raises(ConfigError, match="in rising order"):
        ScheduleConfig(germinate_epochs=(4, 2))
