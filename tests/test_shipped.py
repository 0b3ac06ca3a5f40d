"""What comes with Esper: a trained controller, a recorded demonstration, and a way to go on from the controller."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from esper.checkpoints import (
    SHIPPED,
    load_policy,
    shipped_policy,
    starting_controller,
    trained_policy,
    with_start,
)
from esper.errors import CheckpointError, ConfigError
from esper.evaluation.demo import DEMO_RUN
from esper.history import read_events
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import EpisodeOutcome, LastAction, TrainingStarted
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized

SHORT = ["run.rounds=1", "run.threads=1"]
CPU = torch.device("cpu")


def config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits_impaired"), [*SHORT, *overrides])


def test_the_shipped_controller_is_small_and_of_its_preset() -> None:
    policy = load_policy(shipped_policy("digits_impaired"))
    assert policy.config.run.preset == "digits_impaired"
    assert sum(file.stat().st_size for file in policy.path.iterdir()) < 2_000_000


def test_a_preset_without_one_says_which_have_one() -> None:
    with pytest.raises(ConfigError, match=r"no policy is shipped for preset 'text'.*digits_impaired"):
        shipped_policy("text")


def test_ppo_plays_the_shipped_policy_unless_a_run_is_named(tmp_path: Path) -> None:
    for asked in (None, SHIPPED, Path(SHIPPED)):
        policy = trained_policy(asked, "digits_impaired")
        assert policy is not None
        assert policy.path == shipped_policy("digits_impaired")
    assert trained_policy(None, "text") is None
    with pytest.raises(CheckpointError, match="has no checkpoint"):
        trained_policy(tmp_path, "digits_impaired")


def test_it_beats_hosts_that_never_grow() -> None:
    """On hosts, data and seeds that it was not trained on."""
    policy = load_policy(shipped_policy("digits_impaired"))
    unseen = config("fleet.envs=4", "run.seed=77001")
    (grown,) = train_ppo_vectorized(unseen, RunHooks(make_controller=policy.make_controller)).summaries
    (alone,) = train_ppo_vectorized(with_overrides(unseen, ["controller.name=static"])).summaries
    assert grown.avg_test_accuracy is not None
    assert alone.avg_test_accuracy is not None
    assert grown.avg_test_accuracy > alone.avg_test_accuracy + 10.0


def test_the_demonstration_shows_it_on_hosts_of_its_own() -> None:
    payloads = [event.payload for event in read_events(DEMO_RUN)]
    (started,) = [item for item in payloads if isinstance(item, TrainingStarted)]
    assert started.seed != load_policy(shipped_policy("digits_impaired")).config.run.seed
    assert [(group.controller, group.learns) for group in started.groups] == [("ppo", False)]
    assert len([item for item in payloads if isinstance(item, EpisodeOutcome)]) == 2
    assert len([item for item in payloads if isinstance(item, LastAction)]) == 50


def test_a_run_can_start_from_it() -> None:
    start = with_start(config(f"controller.start={SHIPPED}", "policy.hidden_size=16"))
    saved = load_policy(shipped_policy("digits_impaired"))
    assert start.policy.hidden_size == saved.config.policy.hidden_size, "the network is the saved one"
    agent = starting_controller(start, CPU)
    assert isinstance(agent, Agent)
    for name, tensor in agent.state().items():
        if name == "updates/progress":
            assert not tensor.any(), "schedules begin anew"
        else:
            assert torch.equal(tensor, saved.tensors[name]), name


def test_without_a_start_nothing_is_taken_over() -> None:
    plain = config()
    assert with_start(plain) is plain
    fresh = starting_controller(plain, CPU).state()
    assert any(not torch.equal(fresh[name], tensor) for name, tensor in Agent(plain, CPU).state().items()) is False


def test_hosts_with_other_slots_are_refused() -> None:
    other = with_start(config(f"controller.start={SHIPPED}", "host.blocks=3"))
    with pytest.raises(ConfigError, match="slots"):
        starting_controller(other, CPU)
