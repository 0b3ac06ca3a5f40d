"""What the agent believed and learned in short runs of the real trainer, against rules written anew in float64."""

from __future__ import annotations

import pytest
import torch
from anew_learning import Units, Values, advantages, normalised, paid, reward_scale, seen, values
from spied import Lesson, Spy
from spied_runs import Episode, episodes, lessons

from esper.contracts.actions import Op


def critic_units(state: dict[str, torch.Tensor]) -> Units:
    return Units(
        mean=float(state["values/mean"]),
        variance=float(state["values/variance"]),
        count=int(state["values/count"]),
    )


def scale_of(state: dict[str, torch.Tensor]) -> float:
    return float(state["values/reward_scale"])


class Told:
    """One batch of one group: its episodes, the scale of its rewards, and the units of values within it."""

    def __init__(self, spy: Spy, group: int, batch: int, lesson: Lesson) -> None:
        self.lesson = lesson
        self.config = spy.agents[group].config
        self.first = batch == 1
        self.episodes = [one for one in episodes(spy, group, batch) if one.steps]
        earlier = [episodes(spy, group, before) for before in range(1, batch)]
        raw = [step.told.reward for played in earlier for one in played for step in one.steps]
        self.scale = reward_scale(raw)
        self.units = critic_units(lesson.known).in_units_of(scale_of(lesson.known), self.scale)

    def rewards(self, episode: Episode) -> list[float]:
        clip = self.config.reward.clip
        found = [paid(step.told.reward, self.scale, clip, first=self.first) for step in episode.steps]
        if episode.lost:
            found[-1] = max(-clip, -self.config.governor.penalty)
        return found

    def in_rewards(self, value: float) -> float:
        return self.units.centre + self.units.scale * value

    def after(self, episode: Episode, thought: Values) -> float:
        """What is expected after the last step: nothing, unless only time ran out."""
        cut = self.config.ppo.horizon == "truncate" and not episode.lost
        return self.in_rewards(thought.after) if cut else 0.0

    def advantages(self, episode: Episode) -> tuple[list[float], list[float]]:
        """The advantages and the returns of one episode."""
        thought, ppo = values(episode, self.lesson), self.config.ppo
        believed = [self.in_rewards(float(value)) for value in thought.values]
        found = advantages(self.rewards(episode), believed, self.after(episode, thought), ppo.gamma, ppo.gae_lambda)
        return found, [gain + value for gain, value in zip(found, believed, strict=True)]


def told(spy: Spy) -> list[Told]:
    return [Told(spy, group, batch, lesson) for group, batch, lesson in lessons(spy)]


def test_the_scale_of_values_moves_between_the_batches(every_spy: list[Spy]) -> None:
    """Without this a value in the wrong units would look right."""
    batches = [batch for spy in every_spy for batch in told(spy)]
    assert any(abs(batch.units.scale - 1) > 0.2 for batch in batches)
    assert any(abs(batch.scale - 1) > 0.2 for batch in batches)


def test_episodes_end_where_they_ended(spy: Spy) -> None:
    for batch in told(spy):
        rollout, length = batch.lesson.rollout, batch.config.fleet.episode_length
        assert rollout is not None
        for episode in batch.episodes:
            steps, env = len(episode.steps), episode.place
            assert rollout.valid_et[env].tolist() == [t < steps for t in range(length)]
            assert rollout.done_et[env].tolist() == [t == steps - 1 for t in range(length)]
            cut = batch.config.ppo.horizon == "truncate" and not episode.lost
            assert rollout.truncated_et[env].tolist() == [cut and t == steps - 1 for t in range(length)]
            assert rollout.rewards_et[env, :steps].tolist() == pytest.approx(batch.rewards(episode), rel=1e-5)
            assert rollout.actions_eth[env, :steps, -1].tolist() == [step.op for step in episode.steps]


def test_the_policy_saw_the_observation_in_the_units_known_before_the_batch(spy: Spy) -> None:
    for batch in told(spy):
        rollout, clip = batch.lesson.rollout, batch.config.policy.observation_clip
        assert rollout is not None
        for episode in batch.episodes:
            steps = len(episode.steps)
            raw_td = torch.tensor([seen(episode.steps, t) for t in range(steps)], dtype=torch.float64)
            expected_td = normalised(raw_td, batch.lesson, clip)
            torch.testing.assert_close(
                rollout.features_etd[episode.place, :steps].double(), expected_td, rtol=1e-4, atol=1e-4
            )


def test_values_and_op_values_are_told_in_units_of_the_reward(spy: Spy) -> None:
    for batch in told(spy):
        for episode in batch.episodes:
            thought = values(episode, batch.lesson)
            for t, step in enumerate(episode.steps):
                assert step.told.value_estimate == pytest.approx(batch.in_rewards(float(thought.values[t])), abs=1e-3)
                expected = {
                    op.name: batch.in_rewards(float(thought.op_values[t, op]))
                    if op.name in step.told.legal_ops
                    else None
                    for op in Op
                }
                assert {item.name: item.value for item in step.told.op_values} == pytest.approx(expected, abs=1e-3)


def test_what_follows_a_cut_episode_is_valued_with_its_whole_memory(spy: Spy) -> None:
    for batch in told(spy):
        rollout = batch.lesson.rollout
        assert rollout is not None
        for episode in batch.episodes:
            cut = batch.config.ppo.horizon == "truncate" and not episode.lost
            if cut:
                after = values(episode, batch.lesson).after
                assert float(rollout.bootstrap_et[episode.place, -1]) == pytest.approx(after, abs=1e-4)


def test_targets_are_returns_in_the_new_units_and_advantages_are_normalised(spy: Spy) -> None:
    for batch in told(spy):
        found = {episode.place: batch.advantages(episode) for episode in batch.episodes}
        units = batch.units.after([value for _, returns in found.values() for value in returns])
        learned = critic_units(batch.lesson.learned)
        assert learned.count == units.count
        assert (learned.mean, learned.variance) == pytest.approx((units.mean, units.variance), rel=1e-3, abs=1e-4)
        inputs = batch.lesson.inputs[0]
        rows = order(batch.lesson)
        free = [
            gain
            for episode in batch.episodes
            for gain, step in zip(found[episode.place][0], episode.steps, strict=True)
            if len(step.told.legal_ops) > 1
        ]
        mean, std = torch.tensor(free).mean(), torch.tensor(free).std(correction=0).clamp_min(0.1)
        for episode in batch.episodes:
            gains, returns = found[episode.place]
            row = rows.index(episode.place)
            targets = [(value - units.centre) / units.scale for value in returns]
            assert inputs.targets_et[row, : len(returns)].tolist() == pytest.approx(targets, rel=1e-3, abs=1e-3)
            for t, (gain, step) in enumerate(zip(gains, episode.steps, strict=True)):
                expected = (gain - mean) / std if len(step.told.legal_ops) > 1 else 0.0
                assert float(inputs.advantages_et[row, t]) == pytest.approx(float(expected), rel=1e-3, abs=1e-3)


def order(lesson: Lesson) -> list[int]:
    """Which env each row of the first gradient step was. The batch is one minibatch, whose rows are shuffled."""
    assert lesson.rollout is not None
    reference = lesson.inputs[0]
    wanted = lesson.rollout.log_probs_eth.sum((1, 2))
    found = [int((wanted - row.sum()).abs().argmin()) for row in reference.reference_eth]
    assert sorted(found) == list(range(len(found))), "the envs can be told apart by their log-probabilities"
    return found


def test_observation_statistics_move_by_what_was_seen_before_normalising(spy: Spy) -> None:
    for batch in told(spy):
        keep = batch.config.policy.observation_momentum
        raw_sd = torch.tensor(
            [seen(episode.steps, t) for episode in batch.episodes for t in range(len(episode.steps))],
            dtype=torch.float64,
        )
        known = {name: batch.lesson.known[f"observations/{name}"].double() for name in ("mean", "variance")}
        mean_d, variance_d = raw_sd.mean(0), raw_sd.var(0, correction=0)
        drift_d = mean_d - known["mean"]
        expected = {
            "mean": keep * known["mean"] + (1 - keep) * mean_d,
            "variance": keep * known["variance"] + (1 - keep) * variance_d + keep * (1 - keep) * drift_d**2,
        }
        for name, value_d in expected.items():
            torch.testing.assert_close(
                batch.lesson.learned[f"observations/{name}"].double(), value_d, rtol=1e-5, atol=2e-6
            )


def test_an_update_steps_until_the_policy_has_moved_too_far(spy: Spy) -> None:
    for batch in told(spy):
        far = [reading.kl > 1.5 * batch.config.ppo.target_kl for reading in batch.lesson.readings]
        assert not any(far[:-1])
        assert batch.lesson.optimizer_steps == len(far) - far[-1]
        assert far[-1] or len(far) == batch.config.ppo.epochs
