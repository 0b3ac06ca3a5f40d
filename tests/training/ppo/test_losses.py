"""The loss against its definition, step by step and head by head in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS, Op
from esper.policy.scoring import Evaluation
from esper.training.ppo.losses import LossCoefficients, Losses, LossInputs, ppo_losses

ENVS, EPOCHS = 3, 4
CLIP, VALUE_COEF, ENTROPY_COEF = 0.2, 0.7, 0.05
WEIGHTS = torch.linspace(0.5, 1.5, NUM_HEADS, dtype=torch.float64)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make_inputs() -> LossInputs:
    actor = random(ENVS, EPOCHS, seed=1) > -0.5
    relevant = (random(ENVS, EPOCHS, NUM_HEADS, seed=2) > 0.0) & actor.unsqueeze(-1)
    relevant[..., 3] = False
    return LossInputs(
        reference_eth=-random(ENVS, EPOCHS, NUM_HEADS, seed=3).abs(),
        advantages_et=random(ENVS, EPOCHS, seed=4),
        targets_et=random(ENVS, EPOCHS, seed=5),
        actor_et=actor,
        relevant_eth=relevant,
        open_eth=relevant & (random(ENVS, EPOCHS, NUM_HEADS, seed=6) > -1.0),
        value_weight_et=torch.where(actor, 1.0, 0.2).double(),
        ops_et=random(ENVS, EPOCHS, seed=10).gt(0).long(),
        contribution_targets_ets=torch.full((ENVS, EPOCHS, 2), float("nan"), dtype=torch.float64),
    )


def coefficients(floors: Tensor | None = None) -> LossCoefficients:
    nothing = torch.zeros(NUM_HEADS, dtype=torch.float64)
    return LossCoefficients(
        clip_ratio=CLIP,
        value=VALUE_COEF,
        entropy=ENTROPY_COEF,
        entropy_weights_h=WEIGHTS,
        entropy_floors_h=nothing if floors is None else floors,
        floor_penalties_h=WEIGHTS,
    )


def make_evaluation(inputs: LossInputs) -> Evaluation:
    return Evaluation(
        log_probs_eth=inputs.reference_eth + 0.4 * random(ENVS, EPOCHS, NUM_HEADS, seed=7),
        entropies_eth=random(ENVS, EPOCHS, NUM_HEADS, seed=8).sigmoid(),
        values_et=random(ENVS, EPOCHS, seed=9),
        op_values_eto=random(ENVS, EPOCHS, len(Op), seed=11),
        states_etr=random(ENVS, EPOCHS, 3, seed=12),
    )


@pytest.fixture
def case() -> tuple[LossInputs, Evaluation, Losses]:
    inputs = make_inputs()
    evaluation = make_evaluation(inputs)
    losses = ppo_losses(evaluation, inputs, coefficients())
    return inputs, evaluation, losses


def steps(mask_et: Tensor) -> list[tuple[int, int]]:
    return [(env, t) for env in range(ENVS) for t in range(EPOCHS) if mask_et[env, t]]


def log_ratio(inputs: LossInputs, evaluation: Evaluation, env: int, t: int, head: int) -> float:
    return float(evaluation.log_probs_eth[env, t, head] - inputs.reference_eth[env, t, head])


def test_the_policy_loss_is_the_clipped_surrogate_of_every_head(case: tuple[LossInputs, Evaluation, Losses]) -> None:
    inputs, evaluation, losses = case
    expected = 0.0
    for head in range(NUM_HEADS):
        gains: list[float] = []
        for env, t in steps(inputs.relevant_eth[..., head]):
            ratio = math.exp(log_ratio(inputs, evaluation, env, t, head))
            advantage = float(inputs.advantages_et[env, t])
            gains.append(min(ratio * advantage, min(max(ratio, 1 - CLIP), 1 + CLIP) * advantage))
        expected -= sum(gains) / len(gains) if gains else 0.0
    assert losses.policy.item() == pytest.approx(expected)


def test_the_value_loss_is_half_the_weighted_mean_squared_error(case: tuple[LossInputs, Evaluation, Losses]) -> None:
    inputs, evaluation, losses = case
    weights = inputs.value_weight_et.flatten().tolist()
    errors = (evaluation.values_et - inputs.targets_et).flatten().tolist()
    weighted = sum(weight * error**2 for weight, error in zip(weights, errors, strict=True))
    assert losses.value.item() == pytest.approx(0.5 * weighted / sum(weights))


def test_entropy_is_rewarded_where_a_head_had_a_choice(case: tuple[LossInputs, Evaluation, Losses]) -> None:
    inputs, evaluation, losses = case
    means: list[float] = []
    for head in range(NUM_HEADS):
        found = [float(evaluation.entropies_eth[env, t, head]) for env, t in steps(inputs.open_eth[..., head])]
        means.append(sum(found) / len(found) if found else 0.0)
    bonus = sum(weight * mean for weight, mean in zip(WEIGHTS.tolist(), means, strict=True))
    assert losses.entropy_loss.item() == pytest.approx(-bonus)
    everything = losses.policy + VALUE_COEF * losses.value - ENTROPY_COEF * bonus
    assert losses.total.item() == pytest.approx(everything.item())
    assert math.isnan(losses.entropy_h[3].item()), "a head that never had a choice has no entropy to report"


def test_a_head_below_its_entropy_floor_is_penalised_by_the_square_of_what_is_missing() -> None:
    inputs, evaluation = make_inputs(), make_evaluation(make_inputs())
    without = ppo_losses(evaluation, inputs, coefficients())
    floors = torch.full((NUM_HEADS,), 0.55, dtype=torch.float64)
    with_floors = ppo_losses(evaluation, inputs, coefficients(floors))
    expected = 0.0
    for head in range(NUM_HEADS):
        found = [float(evaluation.entropies_eth[env, t, head]) for env, t in steps(inputs.open_eth[..., head])]
        if found:
            expected += float(WEIGHTS[head]) * max(0.0, 0.55 - sum(found) / len(found)) ** 2
    assert expected > 0
    assert without.floor_penalty.item() == 0.0
    assert with_floors.floor_penalty.item() == pytest.approx(expected)
    assert (with_floors.total - without.total).item() == pytest.approx(expected)


def test_the_floor_penalty_pushes_only_the_heads_that_are_below() -> None:
    inputs, evaluation = make_inputs(), make_evaluation(make_inputs())
    entropies = evaluation.entropies_eth.clone().requires_grad_()
    floors = torch.zeros(NUM_HEADS, dtype=torch.float64)
    floors[[1, 3]] = 1.0
    losses = ppo_losses(replace(evaluation, entropies_eth=entropies), inputs, coefficients(floors))
    losses.floor_penalty.backward()
    assert entropies.grad is not None
    pushed = entropies.grad.sum((0, 1))
    assert pushed[1] < 0, "descending raises the entropy"
    assert not pushed[[0, 2, 3, 4, 5, 6, 7]].any(), "head 3 never had a choice"


def test_divergence_and_ratios_are_those_of_the_joint_policy(case: tuple[LossInputs, Evaluation, Losses]) -> None:
    inputs, evaluation, losses = case
    divergence, joint = 0.0, []
    for env, t in steps(inputs.actor_et):
        heads = [head for head in range(NUM_HEADS) if inputs.relevant_eth[env, t, head]]
        found = [log_ratio(inputs, evaluation, env, t, head) for head in heads]
        divergence += sum(math.exp(x) - 1 - x for x in found)
        joint.append(math.exp(sum(found)))
    assert losses.ratios.kl.item() == pytest.approx(divergence / len(joint))
    assert losses.ratios.maximum.item() == pytest.approx(max(joint))
    assert losses.ratios.minimum.item() == pytest.approx(min(joint))
