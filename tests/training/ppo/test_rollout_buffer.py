from __future__ import annotations

import pytest
import torch

from esper.contracts.actions import NUM_HEADS, Head, Op
from esper.policy.acting import PolicyStep
from esper.policy.observations import Observation, observation_size
from esper.training.ppo.rollout_buffer import RolloutBuffer

ENVS, EPOCHS, SLOTS = 3, 4, 2
CPU = torch.device("cpu")


def make_buffer() -> RolloutBuffer:
    return RolloutBuffer(envs=ENVS, epochs=EPOCHS, num_slots=SLOTS, device=CPU)


def add(buffer: RolloutBuffer, t: int, *, active: list[bool] | None = None, done: list[bool] | None = None) -> None:
    """A step whose every number tells env and epoch: 10 * env + t."""
    stamp = torch.arange(ENVS) * 10.0 + t
    mask = torch.zeros(ENVS, NUM_HEADS, 13, dtype=torch.bool)
    mask[..., 0] = True
    mask[0, Head.OP, Op.GERMINATE] = True
    features = stamp.unsqueeze(1).expand(ENVS, observation_size(SLOTS))
    step = PolicyStep(
        actions_eh=torch.zeros(ENVS, NUM_HEADS, dtype=torch.long),
        log_probs_eh=stamp.unsqueeze(1).expand(ENVS, NUM_HEADS),
        mask_ehn=mask,
        probabilities_ehn=mask.float(),
        values_e=stamp,
        op_values_eo=torch.zeros(ENVS, len(Op)),
        hidden=(torch.zeros(1, ENVS, 1), torch.zeros(1, ENVS, 1)),
    )
    last = [t == EPOCHS - 1] * ENVS
    buffer.add(
        t,
        raw_features_ed=features + 0.5,
        observation=Observation(features_ed=features, blueprints_es=torch.full((ENVS, SLOTS), t)),
        step=step,
        rewards=stamp.tolist(),
        contributions=[[10.0 * env + t, None] for env in range(ENVS)],
        done=done or last,
        truncated=last,
        active=active or [True] * ENVS,
        overridden=[False] * ENVS,
    )


def full_buffer() -> RolloutBuffer:
    buffer = make_buffer()
    for t in range(EPOCHS):
        add(buffer, t)
    return buffer


def test_what_is_added_is_found_at_its_env_and_epoch() -> None:
    rollout = full_buffer().tensors()
    stamps = torch.arange(ENVS).unsqueeze(1) * 10.0 + torch.arange(EPOCHS)
    assert torch.equal(rollout.rewards_et, stamps)
    assert torch.equal(rollout.values_et, stamps)
    assert torch.equal(rollout.features_etd[..., 7], stamps)
    assert torch.equal(rollout.raw_features_etd[..., 7], stamps + 0.5)
    assert torch.equal(rollout.log_probs_eth[..., 2], stamps)
    assert torch.equal(rollout.contributions_ets[..., 0], stamps)
    assert rollout.contributions_ets[..., 1].isnan().all(), "not measured"
    assert rollout.blueprints_ets[1, :, 0].tolist() == [0, 1, 2, 3]
    assert rollout.done_et.tolist() == [[False, False, False, True]] * ENVS


def test_a_step_is_forced_when_only_waiting_was_legal() -> None:
    assert full_buffer().tensors().forced_et.tolist() == [[False] * 4, [True] * 4, [True] * 4]


def test_rows_keep_each_episode_whole() -> None:
    some = full_buffer().tensors().rows(torch.tensor([2, 0]))
    assert some.rewards_et.tolist() == [[20.0, 21.0, 22.0, 23.0], [0.0, 1.0, 2.0, 3.0]]
    assert some.blueprints_ets[..., 0].tolist() == [[0, 1, 2, 3]] * 2


def test_a_penalty_lands_on_the_last_executed_step_and_ends_the_episode() -> None:
    buffer = make_buffer()
    add(buffer, 0)
    add(buffer, 1)
    buffer.penalise(1, -10.0)
    for t in (2, 3):
        add(buffer, t, active=[True, False, True])
    rollout = buffer.tensors()
    assert buffer.length(1) == 2
    assert rollout.rewards_et[1].tolist() == [10.0, -10.0, 0.0, 0.0]
    assert rollout.done_et[1].tolist() == [False, True, False, False]
    assert not rollout.truncated_et[1].any()
    assert rollout.valid_et.tolist() == [[True] * 4, [True, True, False, False], [True] * 4]
    assert rollout.contributions_ets[1, :, 0].isnan().tolist() == [False, False, True, True]


def test_a_penalty_after_the_deadline_turns_the_truncation_into_a_terminal() -> None:
    buffer = full_buffer()
    buffer.penalise(0, -10.0)
    rollout = buffer.tensors()
    assert rollout.truncated_et[:, 3].tolist() == [False, True, True]
    assert rollout.done_et[0, 3]


def test_bootstrap_values_belong_to_their_epoch() -> None:
    buffer = full_buffer()
    buffer.set_bootstrap(3, torch.tensor([7.0, 8.0, 9.0]))
    assert buffer.tensors().bootstrap_et[:, 3].tolist() == [7.0, 8.0, 9.0]


def test_a_gap_in_an_episode_is_a_defect() -> None:
    buffer = make_buffer()
    add(buffer, 0, active=[True, False, True])
    with pytest.raises(AssertionError, match="without a gap"):
        add(buffer, 1)


def test_an_episode_that_never_ended_is_a_defect() -> None:
    buffer = make_buffer()
    add(buffer, 0)
    with pytest.raises(AssertionError, match="has not ended"):
        buffer.tensors()


def test_a_cleared_buffer_remembers_nothing() -> None:
    used, fresh = full_buffer(), make_buffer()
    used.penalise(1, -10.0)
    used.clear()
    for buffer in (used, fresh):
        add(buffer, 0, done=[True] * ENVS)
    first, second = used.tensors(), fresh.tensors()
    for name in ("rewards_et", "features_etd", "mask_ethn", "done_et", "truncated_et", "valid_et", "values_et"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    torch.testing.assert_close(first.contributions_ets, second.contributions_ets, equal_nan=True)
