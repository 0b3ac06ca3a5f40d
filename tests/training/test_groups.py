"""Policy groups: several controllers in one fleet, paired env by env, and groups that do not learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from esper.contracts.actions import PLACEHOLDERS, RELEVANT_HEADS, Head, Op, head_sizes
from esper.errors import ConfigError
from esper.fleet import measure
from esper.fleet.measure import EnvMeasurement, EvaluationTotals, TrainTotals
from esper.growth.hosts.kinds import slot_config
from esper.history import read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.history.recording import open_recording
from esper.policy.acting import Decision, HeadDecision
from esper.policy.observations import Observation
from esper.policy.situation import Situation
from esper.telemetry.events import Event, EventKind, LastAction, TrainingStarted
from esper.telemetry.hub import Hub
from esper.training.config import TrainingConfig
from esper.training.controllers.protocol import Controller, StepResult
from esper.training.group_spec import GroupSpec
from esper.training.vectorized_trainer import RunHooks, TrainingResult, train_groups, train_ppo_vectorized
from esper.training.vectorized_types import BatchSummary, EpisodeRecord

ENVS = 2


class Listener:
    name = "listener"
    critical = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def accept(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


class Waiter:
    """Never acts, and writes down what it was told."""

    name = "waiter"
    learns = False

    def __init__(self, config: TrainingConfig, _device: torch.device) -> None:
        self._num_slots = slot_config(config.host).num_slots
        self.situations: list[Situation] = []
        self.results: list[StepResult] = []
        self.bootstraps = 0
        self.penalties: list[tuple[int, float]] = []

    def begin_batch(self, reward_scale: float) -> None:
        pass

    def decide(self, situation: Situation, generator: torch.Generator) -> Sequence[Decision]:
        self.situations.append(situation)
        heads = tuple(
            HeadDecision(
                head=head,
                choice=int(PLACEHOLDERS.get(head, 0)),
                probability=1.0,
                entropy=0.0,
                second=None,
                second_probability=None,
                legal=1,
                size=size,
                relevant=head in RELEVANT_HEADS[Op.WAIT],
            )
            for head, size in zip(Head, head_sizes(self._num_slots), strict=True)
        )
        waiting = Decision(heads=heads, legal_ops=(Op.WAIT,), alternatives=(), entropy=0.0, value=None)
        return [waiting] * len(situation.envs)

    def record(self, result: StepResult) -> None:
        self.results.append(result)

    def bootstrap(self, observation: Observation) -> None:
        self.bootstraps += 1

    def penalise(self, env: int, reward: float) -> None:
        self.penalties.append((env, reward))

    def learn(self, generator: torch.Generator) -> None:
        return None

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        pass


def config(*overrides: str) -> TrainingConfig:
    # Only the loop algorithm computes a row the same way to the bit whatever its neighbours hold.
    short = ["run.rounds=2", "run.threads=1", f"fleet.envs={ENVS}", "fleet.episode_length=6"]
    return with_overrides(load_preset("digits_impaired"), [*short, "fleet.conv_algorithm=loop", *overrides])


def run(*specs: GroupSpec) -> tuple[TrainingResult, list[Event]]:
    listener, hub = Listener(), Hub()
    hub.add_sink(listener)
    return train_groups(specs, RunHooks(hub=hub)), listener.events


def records(result: TrainingResult, group_id: str, first_row: int) -> list[EpisodeRecord]:
    """A group's episodes with their envs counted from 0, as a run of that group alone would number them."""
    own = [record for item in result.summaries if item.group_id == group_id for record in item.episode_history]
    return [
        replace(
            record,
            env_id=record.env_id - first_row,
            outcome=replace(record.outcome, env_id=record.outcome.env_id - first_row),
        )
        for record in own
    ]


def learned(result: TrainingResult, group_id: str) -> list[BatchSummary]:
    return [item.without_timings() for item in result.summaries if item.group_id == group_id]


@pytest.mark.parametrize("data_order", ["shared", "per_env"])
def test_equal_groups_behave_alike_and_as_one_group_alone(data_order: str) -> None:
    settings = config(f"fleet.data_order={data_order}")
    pair, _ = run(GroupSpec(config=settings, group_id="a"), GroupSpec(config=settings, group_id="b"))
    alone, _ = run(GroupSpec(config=settings))
    assert records(pair, "a", 0) == records(pair, "b", ENVS) == records(alone, "default", 0)
    first, second, only = (learned(pair, "a"), learned(pair, "b"), learned(alone, "default"))
    assert [item.ppo_metrics for item in first] == [item.ppo_metrics for item in second]
    assert [item.ppo_metrics for item in first] == [item.ppo_metrics for item in only]
    assert [item.reward_summary for item in first] == [item.reward_summary for item in second]
    assert pair.batches_completed == 2
    assert len(pair.summaries) == 4


def test_what_differs_between_groups_shows() -> None:
    plain = config("run.rounds=2")
    other = config("run.rounds=2", "ppo.learning_rate=0.01", "reward.clip=0.001")
    result, events = run(GroupSpec(config=plain, group_id="a"), GroupSpec(config=other, group_id="b"))
    paid = {group_id: set[float]() for group_id in "ab"}
    for event in events:
        # In the first round the scale of rewards is not known yet, and nothing is clipped.
        if isinstance(event.payload, LastAction) and event.payload.batch == 2:
            paid[event.group_id].add(abs(event.payload.reward_normalized))
    assert max(paid["b"]) <= 0.001 < max(paid["a"])
    assert [item.ppo_metrics.learning_rate for item in result.summaries if item.ppo_metrics] == [1e-3, 1e-2] * 2


def test_every_event_of_a_group_says_so_and_the_barriers_end_the_batch() -> None:
    settings = config("run.rounds=1")
    _, events = run(GroupSpec(config=settings, group_id="a"), GroupSpec(config=settings, group_id="b"))
    counts = Counter((event.group_id, event.kind) for event in events)
    whole = {
        EventKind.TRAINING_STARTED,
        EventKind.ALGORITHM_CHOSEN,
        EventKind.TRAINING_ENDED,
        EventKind.THROUGHPUT,
    }
    assert {kind for group_id, kind in counts if group_id == "default"} == whole
    of_a, of_b = ({kind: n for (group, kind), n in counts.items() if group == name} for name in "ab")
    assert of_a == of_b
    assert of_a[EventKind.PPO_UPDATE_COMPLETED] == of_a[EventKind.BATCH_EPOCH_COMPLETED] == 1
    assert of_a[EventKind.LAST_ACTION] == 6 * ENVS
    kinds = [event.kind for event in events]
    first_barrier = kinds.index(EventKind.BATCH_EPOCH_COMPLETED)
    assert kinds[first_barrier:].count(EventKind.BATCH_STATS) == 0
    assert kinds[first_barrier:].count(EventKind.REWARD_SUMMARY) == 0
    rows = {event.group_id: set[int]() for event in events}
    for event in events:
        if isinstance(event.payload, LastAction):
            rows[event.group_id].add(event.payload.env_id)
    assert (rows["a"], rows["b"]) == ({0, 1}, {2, 3})


def test_the_first_event_names_the_groups() -> None:
    settings = config("run.rounds=1", "fleet.episode_length=1")
    _, events = run(GroupSpec(config=settings, group_id="a"), GroupSpec(config=settings, group_id="b"))
    started = events[0].payload
    assert isinstance(started, TrainingStarted)
    assert started.n_envs == 2 * ENVS
    assert [(group.group_id, group.env_ids) for group in started.groups] == [("a", (0, 1)), ("b", (2, 3))]
    assert all(group.learns and group.controller == "ppo" for group in started.groups)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("fleet.learning_rate=0.9", r"fleet\.learning_rate is .* in group a and 0\.9 in group b"),
        ("host.base_channels=8", r"host\.base_channels is 4 in group a and 8 in group b"),
        ("run.seed=7", r"run\.seed is 42 in group a and 7 in group b"),
        ("growth.max_seeds=1", r"growth\.max_seeds"),
    ],
)
def test_groups_must_share_what_the_fleet_is_made_of(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run(GroupSpec(config=config(), group_id="a"), GroupSpec(config=config(override), group_id="b"))


@pytest.mark.parametrize("names", [(), ("a", "a"), ("a", "")])
def test_groups_need_names_of_their_own(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="policy group"):
        run(*(GroupSpec(config=config(), group_id=name) for name in names))


def test_a_controller_that_does_not_learn_makes_no_update(tmp_path: Path) -> None:
    settings = config()
    made: list[Waiter] = []

    def make(of: TrainingConfig, device: torch.device) -> Controller:
        made.append(Waiter(of, device))
        return made[-1]

    with open_recording(settings, tmp_path) as recording:
        result = train_ppo_vectorized(
            settings, RunHooks(hub=recording.hub, on_summary=recording.on_summary, make_controller=make)
        )
    assert all(summary.ppo_metrics is None for summary in result.summaries)
    assert read_history(recording.directory.path) == list(result.summaries)
    events = read_events(recording.directory.path)
    kinds = Counter(event.kind for event in events)
    assert kinds[EventKind.PPO_UPDATE_COMPLETED] == 0
    assert kinds[EventKind.BATCH_EPOCH_COMPLETED] == 2
    assert all(event.payload.value_estimate is None for event in events if isinstance(event.payload, LastAction))
    (waiter,) = made
    assert [situation.epoch for situation in waiter.situations] == [1, 2, 3, 4, 5, 6] * 2
    assert [result.last for result in waiter.results] == ([False] * 5 + [True]) * 2
    assert waiter.bootstraps == 2


def test_a_controller_is_told_of_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = measure.collect

    def collect(train: TrainTotals | None, evaluation: EvaluationTotals) -> tuple[EnvMeasurement, ...]:
        measured = list(honest(train, evaluation))
        if train is not None and len(waiter.results) >= 3:
            measured[1] = replace(measured[1], val_loss=float("nan"))
        return tuple(measured)

    monkeypatch.setattr(measure, "collect", collect)
    settings = config("run.rounds=1")
    waiter = Waiter(settings, torch.device("cpu"))
    train_ppo_vectorized(settings, RunHooks(make_controller=lambda _config, _device: waiter))
    ((env, reward),) = waiter.penalties
    assert env == 1
    assert reward < 0
    assert [result.active for result in waiter.results] == [(True, True)] * 3 + [(True, False)] * 3
    assert [situation.envs[1].running for situation in waiter.situations] == [True] * 3 + [False] * 3
