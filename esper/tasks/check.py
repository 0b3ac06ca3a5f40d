"""Does a task keep its promises? For authors of tasks, and for the tests of our own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b

import torch

from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.registry import load_task

MAX_SHARED = 0.01
"""Share of a split's samples that may also be in another split: published image sets have a few true duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFinding:
    """One check. detail: what was found, in plain words and numbers."""

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What check_task found. As a string: one line per check."""

    task: str
    findings: tuple[TaskFinding, ...]

    @property
    def passed(self) -> bool:
        """Every check passed."""
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        width = max(len(finding.check) for finding in self.findings)
        lines = [
            f"{'ok  ' if finding.passed else 'FAIL'}  {finding.check:{width}}  {finding.detail}"
            for finding in self.findings
        ]
        return "\n".join((f"task {self.task}", *lines))


def check_task(config: TaskConfig, *, seed: int = 42) -> TaskReport:
    """Load the task that config names, twice, and check what the rest of Esper relies on.

    Checked: no split is empty; splits are disjoint (at most 1 % of a split's samples occur in another); samples have
    one shape; targets are in range; images: every class is in the training split, normalisation is finite; tokens:
    targets are the next tokens; the same seed gives the same split.

    Raises:
        ConfigError: there is no such task, or it cannot be loaded.
    """
    data = load_task(config, seed)
    again = load_task(config, seed)
    findings = [_sizes(data), _disjoint(data), _shapes(data), _targets_in_range(data)]
    findings += [_next_tokens(data)] if data.has_tokens else [_classes_in_train(data), _normalisation(data)]
    return TaskReport(task=data.name, findings=(*findings, _repeatable(data, again)))


def _splits(data: TaskData) -> dict[str, Split]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


def _sizes(data: TaskData) -> TaskFinding:
    splits = _splits(data)
    return TaskFinding(
        check="no split is empty",
        passed=all(len(split) for split in splits.values()),
        detail=", ".join(f"{name} {len(split):,}" for name, split in splits.items()),
    )


def _disjoint(data: TaskData) -> TaskFinding:
    digests = {name: _digests(split) for name, split in _splits(data).items()}
    worst, detail = 0.0, "no sample is in two splits"
    for name, others in (("validation", ("train",)), ("test", ("train", "validation"))):
        for other in others:
            known = set(digests[other])
            shared = sum(digest in known for digest in digests[name])
            share = shared / max(len(digests[name]), 1)
            if share > worst:
                worst, detail = share, f"{shared:,} of {len(digests[name]):,} {name} samples are in {other} too"
    return TaskFinding(check="splits are disjoint", passed=worst <= MAX_SHARED, detail=detail)


def _digests(split: Split) -> list[bytes]:
    """A fingerprint of every input."""
    return [blake2b(row.numpy().tobytes(), digest_size=16).digest() for row in split.inputs.flatten(1).cpu()]


def _shapes(data: TaskData) -> TaskFinding:
    kinds = {name: (tuple(split.inputs.shape[1:]), split.inputs.dtype) for name, split in _splits(data).items()}
    return TaskFinding(
        check="samples have one shape",
        passed=len(set(kinds.values())) == 1,
        detail=", ".join(f"{name} {shape} {dtype}" for name, (shape, dtype) in kinds.items()),
    )


def _targets_in_range(data: TaskData) -> TaskFinding:
    targets = [split.targets for split in _splits(data).values() if len(split)]
    low = min((int(each.min()) for each in targets), default=0)
    high = max((int(each.max()) for each in targets), default=0)
    return TaskFinding(
        check="targets are in range",
        passed=low >= 0 and high < data.num_classes,
        detail=f"from {low} to {high}, of {data.num_classes}",
    )


def _classes_in_train(data: TaskData) -> TaskFinding:
    counts = torch.bincount(data.train.targets.clamp(0, data.num_classes - 1), minlength=data.num_classes)
    missing = [label for label, count in enumerate(counts) if not count]
    return TaskFinding(
        check="every class is in train",
        passed=not missing,
        detail=f"missing: {', '.join(map(str, missing))}" if missing else f"all {data.num_classes}",
    )


def _normalisation(data: TaskData) -> TaskFinding:
    return TaskFinding(
        check="normalisation is finite",
        passed=all(map(math.isfinite, data.mean)) and all(0 < each < math.inf for each in data.standard_deviation),
        detail=f"mean {_numbers(data.mean)}, standard deviation {_numbers(data.standard_deviation)}",
    )


def _next_tokens(data: TaskData) -> TaskFinding:
    return TaskFinding(
        check="targets are the next tokens",
        passed=all(torch.equal(split.inputs[:, 1:], split.targets[:, :-1]) for split in _splits(data).values()),
        detail=f"within sequences of {data.input_shape[0]}",
    )


def _repeatable(first: TaskData, second: TaskData) -> TaskFinding:
    pairs = zip(_splits(first).values(), _splits(second).values(), strict=True)
    same = all(torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in pairs)
    return TaskFinding(
        check="same seed, same split", passed=same, detail="equal twice" if same else "two loads with one seed differ"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
