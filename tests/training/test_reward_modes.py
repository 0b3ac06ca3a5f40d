"""Real, short runs: what each reward pays reaches last_action and the summary of the batch by name."""

from __future__ import annotations

import math

import pytest

from esper.history.presets import load_preset, with_overrides
from esper.rewards.components import contribution_components, loss_components
from esper.telemetry.events import Event, LastAction, Payload, RewardSummary
from esper.telemetry.hub import Hub
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

RUN = ["run.rounds=1", "run.seed=3", "fleet.envs=2", "fleet.episode_length=12", "growth.auto_forward_g1=true"]


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.payloads: list[Payload] = []

    def accept(self, event: Event) -> None:
        self.payloads.append(event.payload)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "override", ["reward.mode=escrow", "reward.mode=basic_plus", "reward.mode=minimal", "reward.family=loss"]
)
def test_every_term_of_a_real_run_is_told_by_name(override: str) -> None:
    config = with_overrides(load_preset("digits"), [*RUN, override])
    listener, hub = Listener(), Hub()
    hub.add_sink(listener)
    result = train_ppo_vectorized(config, RunHooks(hub=hub))
    lossy = config.reward.family == "loss"
    components = loss_components(config.reward) if lossy else contribution_components(config.reward)
    names = [component.name for component in components]
    actions = [payload for payload in listener.payloads if isinstance(payload, LastAction)]
    for action in actions:
        assert [term.name for term in action.reward_terms] == names
        values = [term.value for term in action.reward_terms if term.value is not None]
        assert all(math.isfinite(value) for value in values)
        assert sum(values) == pytest.approx(action.reward)
    (summary,) = [payload for payload in listener.payloads if isinstance(payload, RewardSummary)]
    assert [term.name for term in summary.mean_terms] == names
    assert sum(action.reward for action in actions) == pytest.approx(
        sum(sums.total_reward for sums in result.summaries[0].reward_summary)
    )
    assert any(action.reward != 0.0 for action in actions)
