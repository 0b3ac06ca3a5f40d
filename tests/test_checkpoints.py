"""Runs that go on from a checkpoint, and policies that act from one."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save
from short_runs import record, short_config

from esper.checkpoints import load_policy, load_trainer_state
from esper.errors import CheckpointError, ConfigError, HistoryError
from esper.history import read_events
from esper.history.checkpoint_files import open_checkpoint, point_to
from esper.history.recording import open_recording
from esper.history.sealing import seal, unseal
from esper.telemetry.events import EventKind, LastAction, TrainingEnded, TrainingStarted
from esper.training.controllers.agent import Agent
from esper.training.group_spec import GroupSpec
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_groups, train_ppo_vectorized

CPU = torch.device("cpu")


def test_a_run_that_goes_on_from_a_checkpoint_equals_one_that_was_not_interrupted(
    trained: tuple[Path, TrainingResult],
) -> None:
    path, whole = trained
    start = load_trainer_state(path / "checkpoints" / "round-000002")
    assert start.rounds_completed == 2
    assert [summary.batch for summary in start.earlier] == [1, 2]
    rest = train_ppo_vectorized(short_config("run.rounds=3"), RunHooks(start=start))
    assert rest.batches_completed == 3
    assert [item.without_timings() for item in rest.summaries] == [whole.summaries[2].without_timings()]


def test_the_round_after_depends_on_every_part_of_the_state(trained: tuple[Path, TrainingResult]) -> None:
    """Each kind of tensor that a checkpoint keeps matters: without it the third round is another one."""
    path, whole = trained
    start = load_trainer_state(path / "checkpoints" / "round-000002")
    config = short_config("run.rounds=3")
    for part in (
        "rewards/",
        "controller/policy/",
        "controller/optimizer/",
        "controller/observations/",
        "controller/updates/",
    ):
        tensors = {
            name: tensor + tensor.new_ones(()) if name.startswith(f"default/{part}") else tensor
            for name, tensor in start.tensors.items()
        }
        result = train_ppo_vectorized(config, RunHooks(start=replace(start, tensors=tensors)))
        assert result.summaries[0].without_timings() != whole.summaries[2].without_timings(), part


def test_a_continued_run_says_where_it_starts(trained: tuple[Path, TrainingResult], tmp_path: Path) -> None:
    start = load_trainer_state(trained[0] / "checkpoints" / "round-000002")
    config = short_config("run.rounds=3")
    with open_recording(config, tmp_path) as recording:
        train_ppo_vectorized(config, RunHooks(hub=recording.hub, start=start, on_checkpoint=recording.on_checkpoint))
    events = read_events(recording.directory.path)
    first, last = events[0].payload, events[-1].payload
    assert isinstance(first, TrainingStarted)
    assert isinstance(last, TrainingEnded)
    assert (first.start_batch, last.batches_completed) == (3, 3)
    assert open_checkpoint(recording.directory.path).manifest.rounds_completed == 3


def test_two_groups_go_on_together(tmp_path: Path) -> None:
    plain, fast = short_config("run.rounds=2"), short_config("run.rounds=2", "ppo.learning_rate=0.01")

    def specs(rounds: int) -> list[GroupSpec]:
        return [
            GroupSpec(config=replace(item, run=replace(item.run, rounds=rounds)), group_id=name)
            for item, name in ((plain, "A"), (fast, "B"))
        ]

    whole = train_groups(specs(2))
    with open_recording(plain, tmp_path) as recording:
        train_groups(
            specs(1),
            RunHooks(hub=recording.hub, on_summary=recording.on_summary, on_checkpoint=recording.on_checkpoint),
        )
    rest = train_groups(specs(2), RunHooks(start=load_trainer_state(recording.directory.path)))
    assert [item.without_timings() for item in rest.summaries] == [
        item.without_timings() for item in whole.summaries[2:]
    ]
    with pytest.raises(ConfigError, match="holds the policies of A, B, and no group is named"):
        load_policy(recording.directory.path)
    with pytest.raises(ConfigError, match="no policy of group 'C'"):
        load_policy(recording.directory.path, group_id="C")
    assert load_policy(recording.directory.path, group_id="B").config.ppo.learning_rate == 0.01


def test_a_fresh_agent_says_everything_that_a_trained_one_keeps() -> None:
    """Names, shapes and dtypes before the first update are those after it; otherwise nothing could be compared."""
    config = short_config("run.rounds=1")
    kept: list[Agent] = []

    def make(*arguments: object) -> Agent:
        kept.append(Agent(config, CPU))
        return kept[-1]

    train_ppo_vectorized(config, RunHooks(make_controller=make))
    fresh, learned = Agent(config, CPU).state(), kept[0].state()
    assert {n: (t.shape, t.dtype) for n, t in fresh.items()} == {n: (t.shape, t.dtype) for n, t in learned.items()}
    assert any(name.endswith("exp_avg") and bool(t.any()) for name, t in learned.items())


def test_a_state_is_a_copy() -> None:
    agent = Agent(short_config(), CPU)
    before = agent.state()
    with torch.no_grad():
        for parameter in agent.policy.parameters():
            parameter.add_(1.0)
    after = agent.state()
    assert not torch.equal(before["policy/critic.0.weight"], after["policy/critic.0.weight"])


def test_a_frozen_policy_acts_as_it_was_saved_and_never_learns(
    trained: tuple[Path, TrainingResult], tmp_path: Path
) -> None:
    policy = load_policy(trained[0])
    assert policy.rounds_completed == 3
    other = short_config("run.rounds=2", "run.seed=7", "policy.hidden_size=99", "fleet.envs=3")
    with open_recording(other, tmp_path) as recording:
        result = train_ppo_vectorized(other, RunHooks(hub=recording.hub, make_controller=policy.make_controller))
    assert [summary.ppo_metrics for summary in result.summaries] == [None, None]
    events = read_events(recording.directory.path)
    assert EventKind.PPO_UPDATE_COMPLETED not in {event.kind for event in events}
    assert all(event.payload.value_estimate is not None for event in events if isinstance(event.payload, LastAction))
    first = events[0].payload
    assert isinstance(first, TrainingStarted)
    assert [(group.controller, group.learns) for group in first.groups] == [("ppo", False)]
    controller = policy.make_controller(other, CPU)
    assert all(torch.equal(tensor, policy.tensors[name]) for name, tensor in controller.state().items())


def test_a_frozen_policy_decides_as_the_agent_that_was_saved_would(trained: tuple[Path, TrainingResult]) -> None:
    """The learner's third round begins with what the checkpoint after the second holds: same decisions, same result."""
    path, whole = trained
    policy = load_policy(path / "checkpoints" / "round-000002")
    start = load_trainer_state(path / "checkpoints" / "round-000002")
    # By then the floors of exploration are gone, which a frozen policy never has.
    config = short_config("run.rounds=3", "controller.decisions=sampled")

    frozen = policy.make_controller(config, CPU)
    tensors = {name: tensor for name, tensor in start.tensors.items() if name.startswith("default/rewards/")}
    tensors |= {f"default/controller/{name}": tensor for name, tensor in frozen.state().items()}
    result = train_ppo_vectorized(
        config,
        RunHooks(
            start=replace(start, tensors=tensors, groups=(replace(start.groups[0], config=config),)),
            make_controller=policy.make_controller,
        ),
    )
    assert result.summaries[0].episode_history == whole.summaries[2].episode_history


def test_a_policy_needs_the_hosts_that_it_knows(trained: tuple[Path, TrainingResult]) -> None:
    policy = load_policy(trained[0])
    with pytest.raises(ConfigError, match=r"trained on hosts with the slots r0c0, .*give both the same host"):
        policy.make_controller(short_config("host.blocks=1"), CPU)


def test_a_checkpoint_of_another_network_is_refused_by_name(trained: tuple[Path, TrainingResult]) -> None:
    start = load_trainer_state(trained[0])
    config = short_config("run.rounds=4", "policy.hidden_size=24")
    start = replace(start, groups=(replace(start.groups[0], config=config),))
    with pytest.raises(ConfigError, match=r"tensor default/controller/policy/.* is float32 \[.*\], needed is"):
        train_ppo_vectorized(config, RunHooks(start=start))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("run.seed=7", "run.seed is 7 in group default, and was 42 when the checkpoint was saved: go on with"),
        ("task.validation_fraction=0.3", "task.validation_fraction is 0.3"),
        ("reward.mode=simplified", "reward.mode is 'simplified'"),
        ("ppo.learning_rate=0.5", "ppo.learning_rate is 0.5"),
        ("host.base_channels=5", "host.base_channels is 5"),
    ],
)
def test_no_run_goes_on_with_other_settings(trained: tuple[Path, TrainingResult], setting: str, said: str) -> None:
    start = load_trainer_state(trained[0])
    with pytest.raises(ConfigError, match=said):
        train_ppo_vectorized(short_config("run.rounds=4", setting), RunHooks(start=start))


def test_a_run_does_not_go_on_with_other_groups(trained: tuple[Path, TrainingResult]) -> None:
    start = load_trainer_state(trained[0])
    with pytest.raises(ConfigError, match="the checkpoint is of the groups default, and this run has A"):
        train_groups([GroupSpec(config=short_config("run.rounds=4"), group_id="A")], RunHooks(start=start))


def test_a_history_without_the_rounds_of_the_checkpoint_is_refused(
    trained: tuple[Path, TrainingResult], tmp_path: Path
) -> None:
    run = shutil.copytree(trained[0], tmp_path / "run")
    lines = (run / "history.jsonl").read_text().splitlines(keepends=True)
    (run / "history.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(HistoryError, match="has 2 rounds of group default, and its checkpoint 3"):
        load_trainer_state(run)


def test_weights_that_are_no_numbers_are_refused(trained: tuple[Path, TrainingResult], tmp_path: Path) -> None:
    run = shutil.copytree(trained[0], tmp_path / "run")
    place = run / "checkpoints" / "round-000003"
    tensors = load_file(place / "state.safetensors")
    tensors["default/controller/policy/critic.0.weight"].view(-1)[3] = torch.nan
    state = save(tensors)
    (place / "state.safetensors").write_bytes(state)
    document = json.loads(unseal((place / "manifest.json").read_bytes()))
    document |= {"state_bytes": len(state), "state_sha256": hashlib.sha256(state).hexdigest()}
    (place / "manifest.json").write_text(seal(json.dumps(document)))
    point_to(place.parent, place.name)
    for load in (load_policy, load_trainer_state):
        with pytest.raises(CheckpointError, match=r"tensor default/controller/policy/critic\.0\.weight holds NaN"):
            load(run)


@pytest.mark.parametrize("rounds", [0, -3, 2, 4])
def test_a_state_has_exactly_the_history_of_its_rounds(trained: tuple[Path, TrainingResult], rounds: int) -> None:
    start = load_trainer_state(trained[0])
    with pytest.raises(ConfigError, match=r"at least one complete round|has 3 of the \d rounds"):
        replace(start, rounds_completed=rounds)


def negative(name: str) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = -1 - tensors[name].abs()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop("default/rewards/m2"), "there is no tensor default/rewards/m2"),
        (lambda tensors: tensors.update(surplus=torch.zeros(1)), "nothing here takes the tensor surplus"),
        (negative("default/rewards/m2"), "tensor rewards/m2 holds a negative number"),
        (negative("default/rewards/count"), "tensor rewards/count holds a negative number"),
        (negative("default/controller/observations/variance"), "tensor observations/variance holds a negative number"),
        (negative("default/controller/updates/progress"), "tensor updates/progress holds a negative number"),
        (negative("default/controller/optimizer/critic.0.weight/exp_avg_sq"), "exp_avg_sq holds a negative number"),
    ],
)
def test_missing_extra_and_impossible_tensors_are_named(
    trained: tuple[Path, TrainingResult], change: object, said: str
) -> None:
    start = load_trainer_state(trained[0])
    tensors = dict(start.tensors)
    assert callable(change)
    change(tensors)
    with pytest.raises(ConfigError, match=said):
        train_ppo_vectorized(short_config("run.rounds=4"), RunHooks(start=replace(start, tensors=tensors)))


def test_a_run_without_a_policy_offers_none(trained: tuple[Path, TrainingResult], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained[0], run)
    manifest = run / "checkpoints" / "round-000003" / "manifest.json"
    document = json.loads(unseal(manifest.read_bytes()))
    document["groups"][0]["controller"] = "heuristic"
    manifest.write_text(seal(json.dumps(document)))
    point_to(manifest.parent.parent, manifest.parent.name)
    with pytest.raises(ConfigError, match=r"holds no policy, only default \(heuristic\)"):
        load_policy(run)


def test_the_reward_statistics_count_every_step(tmp_path: Path) -> None:
    path, _ = record(short_config("run.rounds=1"), tmp_path)
    state = load_trainer_state(path)
    rewards = {name for name in state.tensors if name.startswith("default/rewards/")}
    assert rewards == {"default/rewards/mean", "default/rewards/m2", "default/rewards/count"}
    assert int(state.tensors["default/rewards/count"]) == 2 * 4
