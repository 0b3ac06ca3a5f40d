"""The update on random experience: what it may change, what it must not, and what it reports.

That it learns is shown by test_probes.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from probes import Learner, PaidAction
from torch import Tensor

from esper.contracts.actions import Head, Op, Topology
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.acting import PolicyStep, act
from esper.policy.config import PolicyConfig
from esper.policy.masks import ActionMasks, build_masks
from esper.policy.network import FactoredRecurrentPolicy
from esper.policy.observations import Observation, observation_size
from esper.policy.recurrent import Hidden
from esper.policy.scoring import evaluate_episodes, relevant_heads
from esper.training.ppo import update
from esper.training.ppo.adam import Adam
from esper.training.ppo.batch import evaluate, prepare_batch
from esper.training.ppo.config import PPOConfig, no_entropy_floors
from esper.training.ppo.metrics import BatchReading, StepReading
from esper.training.ppo.minibatches import draw_minibatches
from esper.training.ppo.rollout_buffer import RolloutBuffer, RolloutTensors
from esper.training.ppo.skipped_updates import SkipCause
from esper.training.ppo.update import PPOUpdater
from esper.training.ppo.value_normalizer import ValueNormalizerState
from esper.training.ranks.protocol import SINGLE

CPU = torch.device("cpu")
ENVS, SLOTS = 8, 2
SMALL = PolicyConfig(feature_size=24, hidden_size=24, head_size=16, value_size=16)
FEATURES = observation_size(SLOTS)
EVERYWHERE = GardenView(slots=(None,) * SLOTS, config=GrowthConfig())

Reward = Callable[[int, Tensor, PolicyStep], Tensor]
"""(epoch, features [E, D], step) -> reward [E]."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_policy(*, logit_scale: float = 1.0) -> FactoredRecurrentPolicy:
    policy = FactoredRecurrentPolicy(SLOTS, SMALL, generator(1))
    with torch.no_grad():
        for head in Head:
            policy.head_parameters(head)[-2].mul_(logit_scale)
    return policy


def open_masks() -> ActionMasks:
    """WAIT and GERMINATE everywhere."""
    return build_masks([EVERYWHERE] * ENVS, Topology.CNN)


def forced_masks() -> ActionMasks:
    """Only WAIT."""
    masks = open_masks()
    masks.heads_ehn[:, Head.OP, 1:] = False
    return masks


def noise(random: torch.Generator, _t: int) -> Tensor:
    return torch.randn(ENVS, FEATURES, generator=random)


def no_reward(_t: int, features: Tensor, _step: PolicyStep) -> Tensor:
    return torch.zeros(len(features))


def noisy_reward(t: int, features: Tensor, _step: PolicyStep) -> Tensor:
    return features[:, t]


def reward_germination(_t: int, _features: Tensor, step: PolicyStep) -> Tensor:
    return (step.actions_eh[:, Head.OP] == Op.GERMINATE).float()


def play(
    policy: FactoredRecurrentPolicy,
    *,
    epochs: int = 5,
    reward: Reward = noisy_reward,
    masks: ActionMasks | None = None,
    seed: int = 0,
    observe: Callable[[torch.Generator, int], Tensor] = noise,
    hidden: Hidden | None = None,
    ends: dict[int, int] | None = None,
    overridden: frozenset[tuple[int, int]] = frozenset(),
) -> RolloutBuffer:
    """One rollout.

    overridden: (env, epoch) at which the operator decided.
    ends: env -> length of an episode that a terminal cuts short.
    """
    buffer = RolloutBuffer(envs=ENVS, epochs=epochs, num_slots=SLOTS, device=CPU)
    random, masks, ends = generator(seed), masks or open_masks(), ends or {}
    hidden = hidden or policy.initial_state(ENVS)
    lengths = torch.tensor([ends.get(env, epochs) for env in range(ENVS)])
    for t in range(epochs):
        features = observe(random, t)
        observation = Observation(features_ed=features, blueprints_es=torch.full((ENVS, SLOTS), -1))
        step = act(policy, observation, masks, hidden, random)
        hidden = step.hidden
        done = lengths == t + 1
        buffer.add(
            t,
            raw_features_ed=features,
            observation=observation,
            step=step,
            rewards=reward(t, features, step).tolist(),
            contributions=[[None] * SLOTS] * ENVS,
            done=done.tolist(),
            truncated=(done & (lengths == epochs)).tolist(),
            active=(lengths > t).tolist(),
            overridden=[(env, t) in overridden for env in range(ENVS)],
        )
    return buffer


def weights(policy: FactoredRecurrentPolicy) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in policy.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(weight, second[name]) for name, weight in first.items())


STILL = 1e-30
"""A learning rate so small that weights keep every bit that matters."""


@pytest.mark.parametrize("minibatches", [1, 3, 4, 100])
def test_the_first_pass_has_ratio_one_and_no_divergence(minibatches: int) -> None:
    policy = make_policy(logit_scale=200.0)
    updater = PPOUpdater(policy, PPOConfig(learning_rate=STILL, minibatches=minibatches))
    metrics = updater.update(play(policy), generator())
    assert metrics.ratio_max == 1.0
    assert metrics.ratio_min == 1.0
    assert metrics.kl_divergence == 0.0
    assert metrics.clip_fraction == 0.0
    assert metrics.epochs_run == 1


def test_rollout_and_update_agree_on_log_probabilities_and_values() -> None:
    policy = make_policy(logit_scale=200.0)
    rollout = play(policy, epochs=12).tensors()
    evaluation = evaluate_episodes(
        policy,
        features_etd=rollout.features_etd,
        blueprints_ets=rollout.blueprints_ets,
        mask_ethn=rollout.mask_ethn,
        actions_eth=rollout.actions_eth,
    )
    torch.testing.assert_close(evaluation.log_probs_eth, rollout.log_probs_eth, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(evaluation.values_et, rollout.values_et, atol=1e-5, rtol=1e-5)
    assert rollout.log_probs_eth.std() > 0.1, "the policy must have opinions for this to mean anything"


def test_a_rollout_that_did_not_start_from_the_zero_state_is_caught() -> None:
    policy = make_policy(logit_scale=200.0)
    elsewhere = (torch.full((1, ENVS, 24), 0.9), torch.full((1, ENVS, 24), 3.0))
    with pytest.raises(AssertionError, match="disagree"):
        PPOUpdater(policy, PPOConfig()).update(play(policy, hidden=elsewhere), generator())


def test_experience_of_another_env_is_caught() -> None:
    policy = make_policy(logit_scale=200.0)
    buffer = play(policy)
    rollout = buffer.tensors()
    rollout.features_etd.copy_(rollout.features_etd.roll(1, 0))
    with pytest.raises(AssertionError, match="disagree"):
        PPOUpdater(policy, PPOConfig(minibatches=4)).update(buffer, generator())


def test_equal_seeds_give_equal_updates() -> None:
    results: list[dict[str, Tensor]] = []
    for seed in (5, 5, 6):
        policy = make_policy()
        PPOUpdater(policy, PPOConfig(epochs=2, minibatches=4)).update(play(policy), generator(seed))
        results.append(weights(policy))
    assert same(results[0], results[1])
    assert not same(results[0], results[2]), "the generator decides who shares a minibatch"


def test_heads_that_never_mattered_are_not_touched() -> None:
    policy = make_policy()
    before = weights(policy)
    metrics = PPOUpdater(policy, PPOConfig()).update(play(policy), generator())
    after = policy.state_dict()
    for head in Head:
        untouched = head in (Head.ALPHA_SPEED, Head.ALPHA_CURVE)
        report = metrics.heads[head]
        assert (report.relevant_fraction == 0) is untouched
        assert (report.entropy is None) is (report.gradient_norm is None) is (report.ratio_max is None) is untouched
        for name in before:
            if name.startswith(f"heads.{int(head)}."):
                assert torch.equal(before[name], after[name]) is untouched, name


def test_placeholders_add_nothing() -> None:
    """Whatever an irrelevant head carries and prefers, the update is the same to the bit."""
    results: list[dict[str, Tensor]] = []
    for placeholder, preference in ((0, 0.0), (3, 7.0)):
        policy = make_policy()
        with torch.no_grad():
            policy.head_parameters(Head.ALPHA_SPEED)[-1][:2] = preference
        buffer = play(policy)
        rollout = buffer.tensors()
        rollout.actions_eth[:, :, Head.ALPHA_SPEED] = placeholder
        waiting = rollout.actions_eth[:, :, Head.OP] == Op.WAIT
        rollout.actions_eth[:, :, Head.BLUEPRINT].masked_fill_(waiting, placeholder)
        PPOUpdater(policy, PPOConfig()).update(buffer, generator())
        results.append({name: w for name, w in weights(policy).items() if not name.startswith("heads.5.")})
    assert same(*results)


def test_forced_steps_teach_the_critic_only() -> None:
    policy = make_policy()
    before = weights(policy)
    metrics = PPOUpdater(policy, PPOConfig()).update(play(policy, masks=forced_masks()), generator())
    after = policy.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "heads" not in changed
    assert "critic" in changed
    assert metrics.entropy is None
    assert metrics.ratio_max is None
    assert metrics.value_loss is not None


def units(scale: float) -> ValueNormalizerState:
    return ValueNormalizerState(mean=torch.tensor(0.0), variance=torch.tensor(scale**2), count=torch.tensor(10_000))


def test_forced_steps_weigh_less_in_the_value_loss() -> None:
    policy = make_policy()
    masks = open_masks()
    masks.heads_ehn[:4, Head.OP, 1:] = False

    def pay_the_forced(_t: int, features: Tensor, _step: PolicyStep) -> Tensor:
        return (torch.arange(len(features)) < 4).float()

    def value_loss(weight: float) -> float:
        config = PPOConfig(learning_rate=STILL, gamma=0.0, forced_step_value_weight=weight)
        buffer = play(policy, masks=masks, reward=pay_the_forced)
        buffer.tensors().values_et.zero_()
        updater = PPOUpdater(policy, config)
        updater.value_normalizer.load_state(units(scale=1.0))
        loss = updater.update(buffer, generator()).value_loss
        assert loss is not None
        return loss

    # Nearly all of the error is in the forced half, whose share of the weight is w / (1 + w).
    assert value_loss(0.2) / value_loss(1.0) == pytest.approx((0.2 / 1.2) / 0.5, rel=0.2)


def test_what_lies_after_the_end_of_an_episode_does_not_count() -> None:
    results: list[dict[str, Tensor]] = []
    for garbage in (0.0, 1e3):
        policy = make_policy()
        buffer = play(policy, ends={2: 3, 5: 1})
        rollout = buffer.tensors()
        after_end = ~rollout.valid_et
        assert after_end.sum() == 2 + 4
        for tensor in (rollout.features_etd, rollout.values_et, rollout.rewards_et, rollout.bootstrap_et):
            tensor[after_end] = garbage
        rollout.log_probs_eth[after_end] = -garbage
        updater = PPOUpdater(policy, PPOConfig(minibatches=2))
        metrics = updater.update(buffer, generator())
        assert not metrics.skipped
        results.append({**weights(policy), "scale": updater.value_normalizer.state().scale})
    assert same(*results)


@pytest.mark.parametrize("lost", [[3], list(range(ENVS))])
def test_envs_that_were_lost_before_their_first_decision_teach_nothing(lost: list[int]) -> None:
    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig())
    metrics = updater.update(play(policy, ends=dict.fromkeys(lost, 0)), generator())
    assert metrics.skipped is (len(lost) == ENVS)
    assert all(weight.isfinite().all() for weight in policy.state_dict().values())
    assert (metrics.entropy is None) is (len(lost) == ENVS)
    assert updater.value_normalizer.state().count == 5 * (ENVS - len(lost))
    assert updater.value_normalizer.state().scale.isfinite()


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_truncation_is_bootstrapped_in_reward_units_and_a_terminal_is_not(scale: float) -> None:
    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig(learning_rate=STILL, gamma=1.0, gae_lambda=1.0))
    updater.value_normalizer.load_state(units(scale))
    buffer = play(policy, reward=no_reward, ends={0: 2, 1: 2, 2: 2, 3: 2})
    buffer.set_bootstrap(4, torch.full((ENVS,), 10.0))
    metrics = updater.update(buffer, generator())
    # Four episodes of two steps return 0 at every step, four of five steps return 10 times the scale.
    assert metrics.return_mean == pytest.approx(scale * 10.0 * 20 / 28, rel=1e-4)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_loss_that_is_not_finite_skips_the_update(epochs: int) -> None:
    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig(epochs=epochs))
    updater.update(play(policy), generator())
    before, optimizer_before = weights(policy), updater.optimizer.tensors()
    scale_before = updater.value_normalizer.state().scale

    def broken(t: int, features: Tensor, step: PolicyStep) -> Tensor:
        return torch.full((ENVS,), float("nan")) if t == 2 else noisy_reward(t, features, step)

    metrics = updater.update(play(policy, reward=broken, seed=1), generator())
    assert metrics.skipped
    assert metrics.total_loss is None
    assert metrics.kl_divergence is None
    assert metrics.gradient_norm is None
    assert same(before, weights(policy))
    assert updater.value_normalizer.state().scale == scale_before
    assert same(updater.optimizer.tensors(), optimizer_before)
    assert not updater.update(play(policy, seed=2), generator()).skipped, "the next batch counts again"


def test_a_step_that_breaks_the_weights_is_undone() -> None:
    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig(epochs=3))
    updater.optimizer = Adam(policy, learning_rate=1e30, epsilon=1e-5)  # Far beyond what the settings allow.
    before = weights(policy)
    metrics = updater.update(play(policy), generator())
    assert metrics.skipped
    assert same(before, weights(policy))
    assert not any(tensor.any() for tensor in updater.optimizer.tensors().values())


def test_the_update_stops_before_a_step_that_would_go_too_far() -> None:
    policy = make_policy()
    config = PPOConfig(learning_rate=0.02, epochs=30, target_kl=0.01)
    stopped = PPOUpdater(policy, config).update(play(policy), generator())
    assert stopped.early_stopped
    assert 0 < stopped.epochs_run < 30
    assert stopped.kl_divergence is not None
    assert stopped.kl_divergence > 1.5 * 0.01
    same_steps = make_policy()
    free = PPOUpdater(same_steps, replace(config, epochs=stopped.epochs_run, target_kl=1e3))
    assert not free.update(play(same_steps), generator()).early_stopped
    assert same(weights(policy), weights(same_steps)), "the pass that measured the divergence took no step"


@pytest.mark.parametrize(("kl", "steps"), [(0.0149, 3), (0.0151, 1)])
def test_half_again_the_target_is_too_far(kl: float, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three gradients is said to have moved the policy this far, with a target of 0.01."""
    told, read, taken = iter((0.0, kl, 0.0)), update._read, list[None]()

    def reading(batch: Tensor, step: Tensor) -> tuple[BatchReading, StepReading]:
        first, second = read(batch, step)
        return first, replace(second, kl=next(told))

    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig(epochs=3, target_kl=0.01))
    monkeypatch.setattr(update, "_read", reading)
    monkeypatch.setattr(updater.optimizer, "step", lambda: taken.append(None))
    metrics = updater.update(play(policy), generator())
    assert (len(taken), metrics.early_stopped) == (steps, steps < 3)


def test_the_gradient_is_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = make_policy()
    captured: list[float] = []

    updater = PPOUpdater(policy, PPOConfig(max_grad_norm=0.01))
    step = updater.optimizer.step

    def read_and_step() -> None:
        for parameters in (policy.acting_parameters(), policy.display_parameters()):
            captured.append(float(torch.nn.utils.get_total_norm([weight.grad for weight in parameters])))
        step()

    monkeypatch.setattr(updater.optimizer, "step", read_and_step)
    metrics = updater.update(play(policy), generator())
    assert captured == [pytest.approx(0.01, rel=1e-3)] * 2, "what acts and what is displayed, each on its own"
    assert metrics.gradient_norm is not None
    assert metrics.gradient_norm > 0.01, "what is reported is the norm before clipping"
    assert all(weight.grad is None for weight in policy.parameters()), "no gradient outlives its batch"


def test_minibatches_see_the_states_of_their_own_envs() -> None:
    policy = make_policy()
    rollout = play(policy, epochs=12).tensors()
    whole, order = evaluate(policy, rollout), torch.randperm(ENVS, generator=generator(4))
    for envs in order.chunk(4):
        part = evaluate(policy, rollout.rows(envs))
        torch.testing.assert_close(part.states_etr, whole.states_etr[envs], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(part.log_probs_eth, whole.log_probs_eth[envs], atol=1e-6, rtol=1e-5)


def test_floors_hold_in_the_rollout_and_are_the_same_in_the_update() -> None:
    """Logits so far apart that every choice has probability floor / legal or nearly one."""
    policy = make_policy(logit_scale=1e5)
    rollout = play(policy, epochs=12).tensors()
    evaluation = evaluate(policy, rollout)
    torch.testing.assert_close(evaluation.log_probs_eth, rollout.log_probs_eth, atol=1e-4, rtol=1e-4)
    legal_eth = rollout.mask_ethn.sum(-1)
    least_eth = (policy.floors_h / legal_eth).log()
    chosen = relevant_heads(rollout.actions_eth) & (legal_eth > 1)
    assert (rollout.log_probs_eth >= least_eth - 1e-4)[chosen].all()
    at_the_floor = (rollout.log_probs_eth - least_eth).abs() < 1e-3
    assert at_the_floor[chosen].any(), "some choice was made by the floor alone"


def test_later_passes_are_measured_against_the_weights_before_the_first() -> None:
    config = PPOConfig(learning_rate=3e-3, target_kl=1e3)
    policy = make_policy()
    start = play(policy).tensors()
    reference = evaluate(policy, start).log_probs_eth
    PPOUpdater(policy, config).update(play(policy), generator())
    moved = evaluate(policy, start).log_probs_eth - reference
    log_ratio = moved.detach().where(relevant_heads(start.actions_eth), 0.0)
    after_one_step = (log_ratio.exp() - 1.0 - log_ratio).sum(-1).mean()
    twice = make_policy()
    metrics = PPOUpdater(twice, replace(config, epochs=2)).update(play(twice), generator())
    assert metrics.kl_divergence == pytest.approx(float(after_one_step), rel=1e-2)
    assert metrics.kl_divergence > 1e-5
    assert metrics.ratio_max == pytest.approx(float(log_ratio.sum(-1).exp().max()), rel=1e-3)


@pytest.mark.parametrize("layers", [1, 3])
def test_the_first_ratio_is_one_however_deep_the_core(layers: int) -> None:
    policy = FactoredRecurrentPolicy(SLOTS, replace(SMALL, layers=layers), generator(1))
    metrics = PPOUpdater(policy, PPOConfig(learning_rate=STILL, minibatches=2)).update(play(policy), generator())
    assert (metrics.ratio_max, metrics.ratio_min, metrics.kl_divergence) == (1.0, 1.0, 0.0)


def test_a_skipped_update_says_why_and_is_counted() -> None:
    def broken(_t: int, features: Tensor, _step: PolicyStep) -> Tensor:
        return torch.full((len(features),), float("inf"))

    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig())
    assert updater.update(play(policy, reward=broken), generator()).skip_cause == SkipCause.RETURNS
    assert (
        updater.update(play(policy, ends=dict.fromkeys(range(ENVS), 0)), generator()).skip_cause == SkipCause.NO_STEPS
    )
    assert (updater.progress.updates, updater.progress.episodes, updater.progress.decisions) == (2, 16, 40)
    assert updater.update(play(policy), generator()).skip_cause is None


def test_schedules_move_what_the_update_uses() -> None:
    policy = make_policy()
    config = PPOConfig(
        entropy_coef=0.2, entropy_coef_end=0.0, entropy_anneal_episodes=2 * ENVS, value_coef=0.5, value_warmup_batches=2
    )
    updater = PPOUpdater(policy, config)
    found = [updater.update(play(policy, seed=n), generator(n)) for n in range(3)]
    assert [metrics.entropy_coef for metrics in found] == pytest.approx([0.2, 0.1, 0.0])
    assert [metrics.value_coef for metrics in found] == pytest.approx([0.05, 0.275, 0.5])


@pytest.mark.parametrize(("floor", "low", "high"), [(0.0, 0.3, 0.5), (0.9, 0.85, 1.0)])
def test_an_entropy_floor_keeps_a_head_from_deciding(floor: float, low: float, high: float) -> None:
    """GERMINATE pays. At its best probability of 0.925 the entropy is 0.38 of its maximum."""
    floors, penalties = replace(no_entropy_floors(), op=floor), replace(no_entropy_floors(), op=30.0)
    probe = PaidAction()
    probe.config = replace(probe.config, entropy_floors=floors, entropy_floor_penalties=penalties)
    learner = Learner(probe, 0)
    learner.train()
    learner.play()
    entropy = learner.updater.update(learner.buffer, generator()).heads[Head.OP].entropy
    assert entropy is not None
    assert low < entropy < high


def test_new_units_of_returns_change_no_estimate() -> None:
    """The output layer moves against them: the critic goes on from what it believed, in units of the reward."""
    policy = make_policy()
    updater = PPOUpdater(policy, PPOConfig(learning_rate=STILL))
    updater.update(play(policy), generator())

    def estimates(rollout: RolloutTensors) -> tuple[Tensor, Tensor]:
        found = evaluate(policy, rollout)
        to_rewards = updater.value_normalizer.to_rewards
        return to_rewards(found.values_et.detach()), to_rewards(found.op_values_eto.detach())

    def rich(_t: int, features: Tensor, _step: PolicyStep) -> Tensor:
        return 50.0 + features[:, 0]

    buffer = play(policy, reward=rich, seed=1)
    before, units_before = estimates(buffer.tensors()), updater.value_normalizer.state()
    updater.update(buffer, generator())
    after, units_after = estimates(buffer.tensors()), updater.value_normalizer.state()
    assert units_after.mean > units_before.mean + 1.0
    for old, new in zip(before, after, strict=True):
        assert torch.allclose(old, new, atol=1e-2, rtol=1e-3)


OVERRIDDEN = frozenset({(2, 1)})


def paid_to_the_operator(amount: float) -> Reward:
    def reward(t: int, features: Tensor, _step: PolicyStep) -> Tensor:
        paid = features[:, t].clone()
        if t == 1:
            paid[2] = amount
        return paid

    return reward


def test_what_the_operator_earned_changes_nothing() -> None:
    learned: list[dict[str, Tensor]] = []
    for amount in (0.0, 1000.0):
        policy = make_policy()
        updater = PPOUpdater(policy, PPOConfig())
        updater.update(play(policy, reward=paid_to_the_operator(amount), overridden=OVERRIDDEN), generator())
        state = updater.value_normalizer.state()
        learned.append({**weights(policy), "mean": state.mean, "variance": state.variance, "count": state.count})
    assert same(*learned)


def test_a_step_of_the_operator_teaches_neither_the_actor_nor_the_critic() -> None:
    policy = make_policy()
    buffer = play(policy, reward=paid_to_the_operator(3.0), overridden=OVERRIDDEN)
    rollout = buffer.tensors()
    updater = PPOUpdater(policy, PPOConfig(gamma=0.9, gae_lambda=0.5))
    order = draw_minibatches(ENVS, 1, generator(), CPU, SINGLE)
    config = PPOConfig(gamma=0.9, gae_lambda=0.5)
    prepared = prepare_batch(policy, rollout, order, updater.value_normalizer, config)
    inputs, rewards, values = prepared.inputs, rollout.rewards_et, rollout.values_et
    assert not inputs.actor_et[2, 1]
    assert not inputs.relevant_eth[2, 1].any()
    assert not inputs.open_eth[2, 1].any()
    assert inputs.value_weight_et[2, 1] == 0
    assert inputs.actor_et.sum() == ENVS * 5 - 1
    before = rewards[2, 0] + 0.9 * values[2, 1]  # The fresh normaliser has the units of the rewards.
    torch.testing.assert_close(inputs.targets_et[2, 0], prepared.value_state.to_critic(before))
    assert prepared.value_state.count == ENVS * 5 - 1
    assert buffer.steps == ENVS * 5 - 1


def test_where_the_operator_decided_everything_the_update_is_skipped() -> None:
    policy = make_policy()
    before = weights(policy)
    everything = frozenset((env, t) for env in range(ENVS) for t in range(5))
    metrics = PPOUpdater(policy, PPOConfig()).update(play(policy, overridden=everything), generator())
    assert metrics.skip_cause is SkipCause.NO_STEPS
    assert same(before, weights(policy))
