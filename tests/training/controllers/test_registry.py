"""Controllers by name: the registry, the public check, and the baselines on real growing hosts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.conformance.controllers import check_config, check_controller
from esper.contracts.actions import Blueprint, Op
from esper.errors import ConfigError
from esper.growth.lifecycle.config import GrowthConfig
from esper.history.presets import load_preset, with_overrides
from esper.policy.baselines.rule import WAIT, Choice
from esper.policy.legal import LegalChoices
from esper.policy.situation import EnvSituation
from esper.training.controllers.agent import Agent
from esper.training.controllers.registry import find_controller, list_controllers, register_controller, register_rule
from esper.training.controllers.rule_controller import RuleController

BASELINES = ("static", "random", "schedule", "heuristic", "hillclimb")
RULES_OF_GROWTH = st.builds(
    GrowthConfig,
    auto_forward_g1=st.booleans(),
    auto_forward_g2=st.booleans(),
    auto_forward_g3=st.booleans(),
    min_training_epochs=st.integers(1, 3),
    min_prune_age=st.integers(0, 3),
    embargo_epochs=st.integers(0, 3),
    holding_timeout=st.sampled_from([0, 4]),
    max_seeds=st.sampled_from([0, 2]),
    single_incubation=st.booleans(),
    permissive_gates=st.booleans(),
)


def test_every_controller_of_ours_is_registered() -> None:
    assert {entry.name for entry in list_controllers()} >= {*BASELINES, "ppo"}


@pytest.mark.parametrize("name", [*BASELINES, "ppo"])
def test_our_controllers_pass_the_public_check(name: str) -> None:
    report = check_controller(name)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", BASELINES)
@settings(max_examples=6, deadline=None)
@given(growth=RULES_OF_GROWTH)
def test_no_baseline_ever_takes_an_illegal_action(name: str, growth: GrowthConfig) -> None:
    report = check_controller(name, config=check_config(name, growth, epochs=16))
    assert report.passed, f"{growth}\n{report}"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean heuristic"):
        find_controller("heuristics")
    with pytest.raises(ConfigError, match=r"choose .*static"):
        find_controller("zzz")


def test_a_schedule_for_a_slot_that_the_host_does_not_have_is_refused() -> None:
    config = with_overrides(load_preset("digits_impaired"), ['controller.schedule.slots=["r0c0","r0c7"]'])
    with pytest.raises(
        ConfigError, match=r"controller\.schedule\.slots has 'r0c7': the hosts have the slots r0c0, r0c1"
    ):
        find_controller("schedule").make(config, torch.device("cpu"))


@pytest.mark.usefixtures("own_registry")
def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="already registered"):
        register_controller("static", "again", Agent)


class Greedy:
    """Germinates always, whether it may or not."""

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        return Choice(op=Op.GERMINATE, slot=0, blueprint=Blueprint.NORM)


class Fickle:
    """Decides differently in every process-wide turn."""

    turns = 0

    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        Fickle.turns += 1
        slot = legal.first_slot(Op.GERMINATE)
        if slot is None or Fickle.turns < 60:
            return WAIT
        return Choice(op=Op.GERMINATE, slot=slot, blueprint=Blueprint.NORM)


@pytest.mark.usefixtures("own_registry")
def test_the_check_finds_illegal_choices() -> None:
    register_rule("greedy", "germinates always", lambda _: Greedy())
    report = check_controller("greedy")
    failed = [finding for finding in report.findings if not finding.passed]
    assert [finding.check for finding in failed] == ["only legal actions"]
    assert "controller greedy, env 0: GERMINATE is not legal now" in failed[0].detail


@pytest.mark.usefixtures("own_registry")
def test_the_check_finds_decisions_that_do_not_follow_from_the_seed() -> None:
    register_rule("fickle", "forgets its seed", lambda _: Fickle())
    failed = [finding.check for finding in check_controller("fickle").findings if not finding.passed]
    assert failed == ["same seed, same decisions"]


@pytest.mark.usefixtures("own_registry")
def test_the_check_finds_a_controller_that_claims_to_learn() -> None:
    class Boaster(RuleController):
        @property
        def learns(self) -> bool:
            return True

    register_controller("boaster", "learns nothing", lambda _config, _device: Boaster("boaster", StaticRuleOf))
    failed = [finding.check for finding in check_controller("boaster").findings if not finding.passed]
    assert failed == ["metrics if it learns"]


class StaticRuleOf:
    def decide(self, env: EnvSituation, legal: LegalChoices, uniforms: tuple[float, ...]) -> Choice:
        return WAIT
