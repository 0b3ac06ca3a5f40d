"""A whole evaluation, small: runs that are recorded, paired and replay; figures that follow from the records."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from esper.cli.console.evaluation_table import figures_table
from esper.cli.console.run_summary import print_run_summary
from esper.errors import ConfigError
from esper.evaluation.evaluate import Evaluation, RunDone
from esper.evaluation.plan import make_plan
from esper.evaluation.players import OneByOne, SideBySide
from esper.evaluation.records import ControllerResult, Estimate
from esper.evaluation.runs import EvaluationStoppedError
from esper.history import RunDirectory, read_events, read_history
from esper.history.presets import load_preset, with_overrides
from esper.telemetry.events import EventKind, RunEnd, TrainingEnded
from esper.training.config import TrainingConfig
from esper.training.controllers.agent import Agent
from esper.training.controllers.frozen_agent import FrozenAgent
from esper.training.run_control import RunControl
from esper.workers import Workers
from esper_tui.state.aggregator import Aggregator

Evaluated = tuple[tuple[ControllerResult, ...], list[RunDone]]


def test_the_static_host_takes_part_as_the_reference(evaluated: Evaluated) -> None:
    results, _ = evaluated
    assert [result.controller for result in results] == ["static", "schedule", "random"]
    static = results[0]
    assert (static.germinated.mean, static.parameters_added.mean) == (0.0, 0.0)
    assert (static.against_static.mean, static.against_static.low) == (0.0, 0.0)
    assert static.matched is not None
    assert static.matched.runs == static.runs


def test_figures_follow_from_the_records(evaluated: Evaluated) -> None:
    _, schedule, random = evaluated[0]
    for result in (schedule, random):
        records = [item for run in result.runs for batch in read_history(Path(run)) for item in batch.episode_history]
        assert len(records) == result.episodes == 4
        known = [item.test_accuracy for item in records if item.test_accuracy is not None]
        assert result.test_accuracy.mean == pytest.approx(sum(known) / 4)
        assert result.reward.mean == pytest.approx(sum(item.episode_reward for item in records) / 4)
        kept = sum(item.outcome.num_fossilized for item in records)
        grown = sum(item.outcome.germinations for item in records)
        assert result.fossilized.mean == kept / 4
        assert result.wasted.mean == (grown - kept) / 4
    assert (schedule.fossilized.mean, schedule.wasted.mean) == (1.0, 0.0)
    # every seed was kept, so what the trainer counted is what the tested network consists of
    counted = [item.total_params for run in schedule.runs for item in read_history(Path(run))[0].episode_history]
    assert schedule.parameters.mean == sum(counted) / 4
    assert schedule.flops.mean > schedule.host_flops


def test_runs_are_paired_by_seed(evaluated: Evaluated) -> None:
    for result in evaluated[0]:
        configs = [RunDirectory.open(Path(run)).load_config() for run in result.runs]
        assert [config.run.seed for config in configs] == [42, 43] == list(result.seeds)
        assert {config.controller.name for config in configs} == {result.controller}
        assert {config.run.rounds for config in configs} == {1}


def test_the_host_of_equal_size_is_trained_for_the_same_steps(evaluated: Evaluated) -> None:
    _, schedule, _ = evaluated[0]
    matched = schedule.matched
    assert matched is not None
    configs = [RunDirectory.open(Path(run)).load_config() for run in matched.runs]
    own = RunDirectory.open(Path(schedule.runs[0])).load_config()
    assert [config.run.seed for config in configs] == [42, 43]
    assert {config.host.base_channels for config in configs} == {matched.value} != {own.host.base_channels}
    assert all(config.fleet == own.fleet for config in configs)
    assert abs(matched.parameters - schedule.parameters.mean) < abs(schedule.host_parameters - schedule.parameters.mean)
    assert schedule.against_matched is not None
    assert schedule.against_matched.mean == pytest.approx(schedule.test_accuracy.mean - matched.test_accuracy.mean)


def test_every_run_replays(evaluated: Evaluated, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {run for result in evaluated[0] for run in result.runs}
    paths |= {run for result in evaluated[0] if result.matched for run in result.matched.runs}
    assert len(paths) >= 8
    for path in map(Path, paths):
        events = read_events(path)
        ended = events[-1].payload
        assert isinstance(ended, TrainingEnded)
        assert ended.end is RunEnd.FINISHED
        assert EventKind.PPO_UPDATE_COMPLETED not in {event.kind for event in events}
        aggregator = Aggregator()
        for event in events:
            aggregator.apply(event)
        assert aggregator.snapshot().has_no_policy
        print_run_summary(path)
    assert capsys.readouterr().out.count("The run finished after 1 round in") == len(paths)


def test_every_run_is_told_and_the_total_is_right_in_the_end(evaluated: Evaluated) -> None:
    told = evaluated[1]
    assert [done.number for done in told] == list(range(1, len(told) + 1))
    assert told[-1].total == len(told)
    assert {done.seed for done in told} == {42, 43}


def test_an_evaluation_repeats(evaluated: Evaluated, short: TrainingConfig, tmp_path: Path) -> None:
    plan = make_plan(short, ["random"], seeds=2)
    again = Evaluation(plan, tmp_path, player=OneByOne(RunControl()), on_run=lambda _: None).run()[-1]
    before = evaluated[0][-1]
    other = {"runs": (), "matched": None, "against": ()}  # who else took part
    assert replace(again, **other) == replace(before, **other)
    assert again.against == before.against[:1]


def test_several_processes_find_the_same_bit_for_bit(
    evaluated: Evaluated, short: TrainingConfig, tmp_path: Path
) -> None:
    told: list[RunDone] = []
    epochs: list[int] = []
    with Workers(2, RunControl()) as workers:
        player = SideBySide(workers, epochs.append)
        found = Evaluation(make_plan(short, ["random"], seeds=2), tmp_path, player=player, on_run=told.append).run()
    here, there = found[-1], evaluated[0][-1]
    other = {"runs": (), "matched": None, "against": ()}  # who else took part
    assert replace(here, **other) == replace(there, **other)
    assert here.matched is not None
    assert there.matched is not None
    assert replace(here.matched, runs=()) == replace(there.matched, runs=())
    assert [done.number for done in told] == list(range(1, 7))
    assert sum(epochs) == 6 * short.fleet.envs * short.fleet.episode_length


def test_a_request_to_stop_ends_the_evaluation(short: TrainingConfig, tmp_path: Path) -> None:
    control = RunControl()
    plan = make_plan(short, ["static"], seeds=3)
    evaluation = Evaluation(plan, tmp_path, player=OneByOne(control), on_run=lambda _: control.request_stop())
    with pytest.raises(EvaluationStoppedError):
        evaluation.run()
    (first, second) = sorted((tmp_path / "static").iterdir())
    ends = [read_events(path)[-1].payload for path in (first, second)]
    assert [end.end for end in ends if isinstance(end, TrainingEnded)] == [RunEnd.FINISHED, RunEnd.STOPPED]


@pytest.mark.parametrize(
    ("names", "seeds", "said"),
    [
        (["static"], 0, "number of seeds is 0"),
        ([], 1, "name at least one"),
        (["static", "random", "static"], 1, "each once"),
        (["heuristic", "randon"], 1, "did you mean random"),
        (["ppo"], 1, "--checkpoint"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    short: TrainingConfig, names: list[str], seeds: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_plan(short, names, seeds=seeds)


def test_a_controller_that_learns_while_it_plays_is_refused(short: TrainingConfig) -> None:
    from esper.training.controllers.agent import Agent

    with pytest.raises(ConfigError, match="frozen"):
        make_plan(short, ["ppo"], seeds=1, trained=Agent)


def test_parameters_that_do_not_fit_the_host_are_found_before_anything_runs(short: TrainingConfig) -> None:
    unfit = replace(
        short, controller=replace(short.controller, hillclimb=replace(short.controller.hillclimb, blueprints=("lora",)))
    )
    with pytest.raises(ConfigError, match=r"hillclimb\.blueprints has 'lora'"):
        make_plan(unfit, ["static", "hillclimb"], seeds=1)


def test_where_size_has_a_price_the_worth_is_what_is_left_of_the_accuracy(tmp_path: Path) -> None:
    short = ["fleet.envs=2", "fleet.episode_length=12", "growth.min_training_epochs=1", "run.threads=1"]
    plan_of_one = "controller.schedule.germinate_epochs=[1]"
    config = with_overrides(load_preset("digits_dial"), [*short, plan_of_one, "variety.size_price=[20.0,20.0]"])
    plan = make_plan(config, ["static", "schedule"], seeds=2)
    static, schedule = Evaluation(plan, tmp_path, player=OneByOne(RunControl()), on_run=lambda _: None).run()
    assert static.worth is not None
    assert schedule.worth is not None
    assert static.worth.mean == pytest.approx(static.test_accuracy.mean)
    cost = 20.0 * schedule.parameters_added.mean / 1_000
    assert cost > 0.0
    assert schedule.worth.mean == pytest.approx(schedule.test_accuracy.mean - cost)
    (against,) = schedule.against
    assert against.worth is not None
    assert against.worth.mean == pytest.approx(against.difference.mean - cost)


def test_an_evaluation_has_the_whole_range_of_prices_from_the_start() -> None:
    plan = make_plan(load_preset("digits_dial"), ["schedule"], seeds=1)
    assert plan.config(plan.contenders[0], 1).variety.size_price_warmup_episodes == 0


def test_without_a_price_there_is_no_worth(evaluated: Evaluated) -> None:
    assert [result.worth for result in evaluated[0]] == [None] * 3


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_an_untrained_greedy_policy_does_not_beat_the_static_host(tmp_path: Path) -> None:
    config = with_overrides(load_preset("digits_impaired"), ["fleet.envs=8", "run.seed=3000", "run.threads=1"])

    def untrained(own: TrainingConfig, device: torch.device) -> FrozenAgent:
        return FrozenAgent(own, device, Agent(own, device).state())

    plan = make_plan(config, ["static", "ppo"], seeds=3, trained=untrained)
    _, policy = Evaluation(plan, tmp_path, player=OneByOne(RunControl()), on_run=lambda _: None).run()
    found = policy.against_static
    print(policy.test_accuracy.mean, found.mean, found.low, found.high)
    assert found.low is not None
    assert found.low <= 0.0


def test_the_table_of_worth_fits_a_terminal_of_80_columns(evaluated: Evaluated) -> None:
    usual = Estimate(mean=50.0, std=5.0, low=-10.5, high=60.5, iqm=50.0)
    results = [replace(result, test_accuracy=usual, worth=usual) for result in evaluated[0]]
    console = Console(width=80, record=True, file=StringIO())
    console.print(figures_table(results))
    text = console.export_text()
    assert "worth" in text
    assert "iqm" not in text
    assert "…" not in text
