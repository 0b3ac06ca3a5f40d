from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.contracts.actions import PLACEHOLDERS, RELEVANT_HEADS, Head, Op, Style, Topology
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.growth.blueprints.catalogue import available_blueprints
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView, refusal
from esper.policy.acting import PolicyStep, act, decisions, state_values
from esper.policy.config import Decisions, PolicyConfig
from esper.policy.distributions import floored_probabilities, normalized_entropies, sample
from esper.policy.masks import build_masks
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.observations import build_observations
from esper.policy.signals import EnvSignals

SMALL = PolicyConfig(feature_size=16, hidden_size=12, head_size=8, value_size=8)


def same(values: torch.Tensor) -> torch.Tensor:
    return values


def opinionated_policy(seed: int = 0) -> FactoredRecurrentPolicy:
    """One whose logits are far apart, so that only masks keep it from illegal choices."""
    policy = FactoredRecurrentPolicy(3, SMALL, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for head in Head:
            for weight in policy.head_parameters(head):
                weight.mul_(30.0)
    return policy


def decide(
    views: list[GardenView], seed: int = 0, policy: FactoredRecurrentPolicy | None = None, how: Decisions = "sampled"
) -> PolicyStep:
    policy = policy or opinionated_policy(seed)
    observation = build_observations([EnvSignals.initial(25)] * len(views), [view.slots for view in views])
    masks = build_masks(views, Topology.CNN)
    generator = torch.Generator().manual_seed(seed)
    return act(policy, observation, masks, policy.initial_state(len(views)), generator, how)


def empty_views(count: int) -> list[GardenView]:
    return [GardenView(slots=(None, None, None), config=GrowthConfig())] * count


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_what_is_chosen_is_possible(data: st.DataObject, any_views: st.SearchStrategy, seed: int) -> None:
    views: list[GardenView] = data.draw(any_views)
    for view, decision in zip(views, decisions(decide(views, seed), same, 3), strict=True):
        op, actions = decision.op, decision.actions
        assert refusal(view, op, actions[Head.SLOT]) is None
        relevant = RELEVANT_HEADS[op]
        if Head.BLUEPRINT in relevant:
            assert actions[Head.BLUEPRINT] in available_blueprints(Topology.CNN)
        if Head.STYLE in relevant:
            assert actions[Head.STYLE] in set(Style)
        for head in decision.heads:
            assert 0 <= head.choice < head.size


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_irrelevant_heads_carry_placeholders_and_no_log_probability(
    data: st.DataObject, any_views: st.SearchStrategy, seed: int
) -> None:
    step = decide(data.draw(any_views), seed)
    for env, decision in enumerate(decisions(step, same, 3)):
        for head in set(Head) - RELEVANT_HEADS[decision.op]:
            assert decision.actions[head] == PLACEHOLDERS.get(head, 0)
            assert step.log_probs_eh[env, head] == 0
            assert not decision.heads[head].relevant


def test_log_probabilities_are_those_of_the_choice() -> None:
    step = decide(empty_views(64), 4)
    for env, decision in enumerate(decisions(step, same, 3)):
        for head in decision.heads:
            if head.relevant:
                assert math.exp(step.log_probs_eh[env, head.head].item()) == pytest.approx(head.probability)
    assert {decision.op for decision in decisions(step, same, 3)} == {Op.WAIT, Op.GERMINATE}


def test_every_legal_choice_keeps_its_floor() -> None:
    logits = torch.tensor([[50.0, -50.0, 0.0, 90.0], [1.0, 2.0, 3.0, 4.0]])
    mask = torch.tensor([[True, True, True, False], [False, False, True, False]])
    probabilities = floored_probabilities(logits, mask, torch.tensor([0.15, 0.3]))
    assert probabilities[0, :3].min() == pytest.approx(0.15 / 3, rel=1e-5)
    assert probabilities[0, 0] == pytest.approx(0.85 + 0.05, rel=1e-5)
    assert probabilities[0, 3] == 0
    assert probabilities[1].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_samples_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.0, 0.2, 0.0, 0.7, 0.1, 0.0]).expand(20_000, 1, 6)
    uniforms = torch.rand(20_000, 1, generator=torch.Generator().manual_seed(0))
    share = torch.bincount(sample(probabilities, uniforms).flatten(), minlength=6) / 20_000
    torch.testing.assert_close(share, probabilities[0, 0], atol=0.015, rtol=0.0)
    assert share[[0, 2, 5]].tolist() == [0, 0, 0]


def test_the_ends_of_the_unit_interval_are_legal_choices() -> None:
    probabilities = torch.rand(20_000, 5, generator=torch.Generator().manual_seed(0))
    probabilities[:, 0] = probabilities[:, 4] = 0.0
    probabilities /= probabilities.sum(-1, keepdim=True)
    nearly_one = torch.nextafter(torch.ones(20_000), torch.zeros(20_000))
    assert (sample(probabilities, torch.zeros(20_000)) == 1).all()
    assert (sample(probabilities, nearly_one) == 3).all()


def test_entropy_is_a_share_of_what_the_mask_allows() -> None:
    mask = torch.tensor([[True, True, False], [True, False, False]])
    entropies = normalized_entropies(floored_probabilities(torch.zeros(2, 3), mask, torch.zeros(2)), mask)
    assert entropies[0] == pytest.approx(1.0)
    assert entropies[1] == 0


def test_the_same_generator_gives_the_same_actions_and_the_global_stream_is_not_touched() -> None:
    views = empty_views(16)
    state = torch.get_rng_state()
    first, again, other = decide(views, 5), decide(views, 5), decide(views, 4, opinionated_policy(5))
    assert torch.equal(first.actions_eh, again.actions_eh)
    assert not torch.equal(first.actions_eh, other.actions_eh)
    assert torch.equal(state, torch.get_rng_state())


def test_a_decision_reports_what_was_legal_and_likely() -> None:
    view = GardenView(slots=(None, None, None), config=GrowthConfig())
    policy = FactoredRecurrentPolicy(3, SMALL, torch.Generator().manual_seed(0))
    step = decide([view], policy=policy)
    (decision,) = decisions(step, lambda values: 7.0 * values, 3)
    assert decision.legal_ops == (Op.WAIT, Op.GERMINATE)
    (alternative,) = decision.alternatives
    assert {alternative.op, decision.op} == {Op.WAIT, Op.GERMINATE}
    assert alternative.probability + decision.heads[Head.OP].probability == pytest.approx(1.0)
    assert decision.heads[Head.OP].legal == 2
    assert decision.heads[Head.OP].masked
    assert decision.heads[Head.BLUEPRINT].masked, "NOOP is never legal"
    assert not decision.heads[Head.TEMPO].masked
    assert decision.value == pytest.approx(7.0 * step.values_e.item())
    relevant = RELEVANT_HEADS[decision.op]
    assert decision.entropy == pytest.approx(sum(decision.heads[head].entropy for head in relevant))


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_the_second_choice_is_the_likeliest_of_the_others(
    data: st.DataObject, any_views: st.SearchStrategy, seed: int
) -> None:
    views: list[GardenView] = data.draw(any_views)
    step = decide(views, seed, opinionated_policy(seed))
    for decision, found_hn in zip(decisions(step, same, 3), step.probabilities_ehn.tolist(), strict=True):
        for head in decision.heads:
            others = [p for choice, p in enumerate(found_hn[head.head]) if choice != head.choice]
            if not head.relevant or head.legal == 1:
                assert (head.second, head.second_probability) == (None, None)
            else:
                assert head.second is not None
                assert head.second != head.choice
                assert head.second_probability == found_hn[head.head][head.second] == max(others)


def test_a_forced_step_is_certain(seed: SeedInfo) -> None:
    cooling = replace(seed, stage=SeedStage.EMBARGOED)
    (decision,) = decisions(decide([GardenView(slots=(cooling,) * 3, config=GrowthConfig())]), same, 3)
    assert decision.legal_ops == (Op.WAIT,)
    assert decision.heads[Head.OP].probability == 1.0
    assert decision.entropy == 0.0


def test_the_bootstrap_value_is_the_value_of_that_state() -> None:
    views, policy = empty_views(3), opinionated_policy()
    observation = build_observations([EnvSignals.initial(25)] * 3, [view.slots for view in views])
    step = decide(views, policy=policy)
    values = state_values(policy, observation, policy.initial_state(3))
    torch.testing.assert_close(values, step.values_e)
    later = state_values(policy, observation, step.hidden)
    assert not torch.equal(later, values), "the carried hidden state counts"


@settings(deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000))
def test_a_greedy_policy_takes_the_likeliest_choice_of_every_head(
    data: st.DataObject, any_views: st.SearchStrategy, seed: int
) -> None:
    views: list[GardenView] = data.draw(any_views)
    policy = opinionated_policy(seed)
    step = decide(views, seed, policy, how="greedy")
    other = decide(views, seed + 1, policy, how="greedy")
    assert torch.equal(step.actions_eh, other.actions_eh), "no draw decides anything"
    for view, decision, found in zip(views, decisions(step, same, 3), step.probabilities_ehn, strict=True):
        assert refusal(view, decision.op, decision.actions[Head.SLOT]) is None
        for head in RELEVANT_HEADS[decision.op]:
            assert found[head, decision.actions[head]] == found[head].max()
