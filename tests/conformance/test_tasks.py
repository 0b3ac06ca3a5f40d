"""check_task passes what we ship and catches what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from esper.conformance.report import ConformanceReport
from esper.conformance.tasks import check_task
from esper.tasks import registry
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.registry import load_task, register_task

Spoil = Callable[[TaskData], TaskData]
CheckSpoiled = Callable[[Spoil], ConformanceReport]


class Cifar(Protocol):
    def cifar10(self, folder: Path, per_file: int = 40) -> dict[str, NDArray[np.uint8]]: ...


def failed(report: ConformanceReport) -> list[str]:
    return [finding.check for finding in report.findings if not finding.passed]


@pytest.mark.parametrize("name", ["digits", "text", "synthetic_cifar"])
def test_embedded_tasks_pass(name: str) -> None:
    report = check_task(TaskConfig(name=name, train_samples=500, test_samples=100))
    assert report.passed, str(report)
    assert report.subject == f"task {name}"


def test_cifar10_from_a_folder_passes(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path)
    report = check_task(TaskConfig(name="cifar10", path=str(tmp_path)))
    assert report.passed, str(report)


@pytest.fixture
def check_spoiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckSpoiled]:
    """Registers the digits with something wrong about them, and checks that task."""
    monkeypatch.setattr(registry.TASKS, "_parts", dict(registry.TASKS._parts))

    def check(spoil: Spoil) -> ConformanceReport:
        register_task(
            "spoiled", "for this test", lambda config, seed: spoil(load_task(replace(config, name="digits"), seed))
        )
        return check_task(TaskConfig(name="spoiled"))

    return check


def test_a_leaky_split_is_caught(check_spoiled: CheckSpoiled) -> None:
    def leak(data: TaskData) -> TaskData:
        inputs, targets = data.test.inputs.clone(), data.test.targets.clone()
        inputs[:20], targets[:20] = data.train.inputs[100:120], data.train.targets[100:120]
        return replace(data, test=Split(inputs=inputs, targets=targets))

    report = check_spoiled(leak)
    assert failed(report) == ["splits are disjoint"]
    assert "FAIL  splits are disjoint      20 of 360 test samples are in train too" in str(report)


def test_validation_that_is_the_test_split_is_caught(check_spoiled: CheckSpoiled) -> None:
    assert failed(check_spoiled(lambda data: replace(data, validation=data.test))) == ["splits are disjoint"]


def test_a_label_beyond_the_classes_is_caught(check_spoiled: CheckSpoiled) -> None:
    assert failed(check_spoiled(lambda data: replace(data, num_classes=9))) == ["targets are in range"]


def test_a_class_that_cannot_be_learned_is_caught(check_spoiled: CheckSpoiled) -> None:
    report = check_spoiled(lambda data: replace(data, num_classes=12))
    assert failed(report) == ["every class is in train"]
    assert "missing: 10, 11" in str(report)


def test_samples_of_another_shape_are_caught(check_spoiled: CheckSpoiled) -> None:
    def crop(data: TaskData) -> TaskData:
        return replace(data, test=Split(inputs=data.test.inputs[..., :7], targets=data.test.targets))

    with pytest.raises(ValueError, match=r"test samples have the shape \(1, 8, 7\): all splits must be alike"):
        check_spoiled(crop)


def test_an_empty_split_is_caught(check_spoiled: CheckSpoiled) -> None:
    def empty(data: TaskData) -> TaskData:
        return replace(data, test=Split(inputs=data.test.inputs[:0], targets=data.test.targets[:0]))

    assert failed(check_spoiled(empty)) == ["no split is empty"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_a_normalisation_that_makes_no_numbers_is_caught(check_spoiled: CheckSpoiled, value: float) -> None:
    report = check_spoiled(lambda data: replace(data, standard_deviation=(value,)))
    assert failed(report) == ["normalisation is finite"]


def test_a_split_that_ignores_the_seed_is_caught(check_spoiled: CheckSpoiled) -> None:
    calls = iter(range(2))

    def shuffle(data: TaskData) -> TaskData:
        order = torch.arange(len(data.train)).roll(next(calls))
        return replace(data, train=Split(inputs=data.train.inputs[order], targets=data.train.targets[order]))

    assert failed(check_spoiled(shuffle)) == ["same seed, same split"]


def test_targets_that_are_not_the_next_tokens_are_caught(check_spoiled: CheckSpoiled) -> None:
    def same(_data: TaskData) -> TaskData:
        text = load_task(TaskConfig(name="text"), 1)
        return replace(text, train=Split(inputs=text.train.inputs, targets=text.train.inputs))

    assert failed(check_spoiled(same)) == ["targets are the next tokens"]


@pytest.mark.parametrize(
    ("inputs", "targets", "problem"),
    [
        (torch.zeros(2, 1, 4, 4, dtype=torch.float64), torch.zeros(2, dtype=torch.int64), "images must be uint8"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2), "labels must be int64"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "one label per image"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), r"\[N, C, H, W\] or tokens"),
        (torch.zeros(2, 4), torch.zeros(2, 4), "same integer type"),
        (torch.zeros(2, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.uint8), "one next token per token"),
    ],
)
def test_tensors_that_do_not_go_together_are_refused(inputs: torch.Tensor, targets: torch.Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Split(inputs=inputs, targets=targets)


def test_statistics_that_do_not_fit_the_channels_are_refused() -> None:
    data = load_task(TaskConfig(name="digits"), 1)
    with pytest.raises(ValueError, match="2 means and 1 standard deviations: it needs 1 of each"):
        replace(data, mean=(1.0, 2.0))
