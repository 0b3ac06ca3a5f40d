"""The other benchmarks: shares, memory and calls, and which way their ratios point."""

from __future__ import annotations

import pytest
import torch

from esper.bench import scaling, update
from esper.bench.operator_calls import operator_calls
from esper.bench.scaling import Point
from esper.bench.suite import BENCHMARKS, benchmarks_of, chosen_cases
from esper.errors import ConfigError
from esper.history.presets import load_preset, with_overrides

CPU = torch.device("cpu")


def test_the_share_of_the_update_is_measured_against_the_target() -> None:
    small = ["run.rounds=2", "run.threads=1", "fleet.envs=2", "fleet.episode_length=3", "fleet.steps_per_epoch=2"]
    figure = update.share(update.CASE, with_overrides(load_preset("digits"), small))
    assert (figure.bench, figure.case, figure.theirs) == ("update", "update-share-digits-E32-T25", 10.0)
    assert 0.0 < figure.ours < 100.0
    assert (figure.ratio > 1.0) == (figure.ours < 10.0)


def test_operator_calls_are_counted_with_the_backward_pass() -> None:
    weight = torch.ones(3, requires_grad=True)

    def forward() -> None:
        (weight * weight).sum()

    def both() -> None:
        torch.autograd.backward((weight * weight).sum())

    assert operator_calls(forward) == 2
    assert operator_calls(both) > 4


def test_scaling_compares_e_envs_with_e_times_one() -> None:
    alone = Point(seconds=(1.0, 1.0), memory=2**20, calls=100)
    together = Point(seconds=(2.0, 2.0), memory=4 * 2**20, calls=200)
    speed, memory, calls = scaling.compare("scaling-E8", 8, together, alone)
    assert [figure.case for figure in (speed, memory, calls)] == [
        "scaling-E8-speed",
        "scaling-E8-memory",
        "scaling-E8-calls",
    ]
    assert (speed.ours, speed.theirs, speed.ratio) == (4.0, 1.0, 4.0)
    assert (memory.ours, memory.theirs, memory.ratio) == (4.0, 8.0, 2.0)
    assert (calls.ours, calls.theirs, calls.ratio) == (200.0, 800.0, 4.0)


def test_a_point_is_measured() -> None:
    point = scaling.measure_here(2, CPU, repeats=2)
    assert len(point.seconds) == 2
    assert min(point.seconds) > 0
    assert point.memory >= 0
    assert point.calls > 20


def test_cases_belong_to_one_benchmark_each() -> None:
    for name, benchmark in BENCHMARKS.items():
        assert name == benchmark.name
        for case in (*benchmark.cases, *benchmark.sweep):
            assert [one.name for one in BENCHMARKS.values() if one.accepts(case)] == [name]


def test_cases_are_chosen_by_name_or_all() -> None:
    fleet = BENCHMARKS["fleet"]
    assert chosen_cases(fleet, (), sweep=False) == fleet.cases
    assert set(chosen_cases(fleet, (), sweep=True)) == {*fleet.cases, *fleet.sweep}
    assert chosen_cases(fleet, ("digits-small-E256",), sweep=False) == ("digits-small-E256",)
    with pytest.raises(ConfigError, match="no benchmark case"):
        chosen_cases(fleet, ("scaling-E8",), sweep=False)
    both = benchmarks_of(("scaling-E8", "cifar-b128-E1"))
    assert [(benchmark.name, cases) for benchmark, cases in both] == [
        ("fleet", ("cifar-b128-E1",)),
        ("scaling", ("scaling-E8",)),
    ]
    assert [benchmark.name for benchmark, _ in benchmarks_of(())] == list(BENCHMARKS)


def test_the_names_that_are_promised_exist() -> None:
    every = [case for benchmark in BENCHMARKS.values() for case in benchmark.cases]
    for name in ("ablation-3slots-factorial", "baseline-cifar", "update-share-digits-E32-T25"):
        assert name in every
