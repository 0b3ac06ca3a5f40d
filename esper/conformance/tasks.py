"""Checks that a task keeps its promises, for authors of tasks and for our own tests."""

from __future__ import annotations

import math
from hashlib import blake2b

import torch

from esper.conformance.report import ConformanceReport, Finding
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.registry import load_task

MAX_SHARED = 0.01
"""The share of a split's samples that may also be in another one, since published image sets have some duplicates."""


def check_task(config: TaskConfig, *, seed: int = 42) -> ConformanceReport:
    """Load the task that config names twice, and check what the rest of Esper relies on.

    - No split is empty, and splits are disjoint: at most 1 % of a split's samples occur in another.
    - All samples have one shape, and targets are in range.
    - For images, every class is in the training split, and the normalisation is finite.
    - For tokens, the targets are the next tokens.
    - The same seed gives the same split.

    Raises:
        ConfigError: there is no such task, or it cannot be loaded.
    """
    data = load_task(config, seed)
    again = load_task(config, seed)
    findings = [_sizes(data), _disjoint(data), _shapes(data), _targets_in_range(data)]
    findings += [_next_tokens(data)] if data.has_tokens else [_classes_in_train(data), _normalisation(data)]
    return ConformanceReport(subject=f"task {data.name}", findings=(*findings, _repeatable(data, again)))


def _splits(data: TaskData) -> dict[str, Split]:
    return {"train": data.train, "validation": data.validation, "test": data.test}


def _sizes(data: TaskData) -> Finding:
    splits = _splits(data)
    return Finding(
        check="no split is empty",
        passed=all(len(split) for split in splits.values()),
        detail=", ".join(f"{name} {len(split):,}" for name, split in splits.items()),
    )


def _disjoint(data: TaskData) -> Finding:
    digests = {name: _digests(split) for name, split in _splits(data).items()}
    worst, detail = 0.0, "no sample is in two splits"
    for name, others in (("validation", ("train",)), ("test", ("train", "validation"))):
        for other in others:
            known = set(digests[other])
            shared = sum(digest in known for digest in digests[name])
            share = shared / max(len(digests[name]), 1)
            if share > worst:
                worst, detail = share, f"{shared:,} of {len(digests[name]):,} {name} samples are in {other} too"
    return Finding(check="splits are disjoint", passed=worst <= MAX_SHARED, detail=detail)


def _digests(split: Split) -> list[bytes]:
    """A fingerprint of every input."""
    return [blake2b(row.numpy().tobytes(), digest_size=16).digest() for row in split.inputs.flatten(1).cpu()]


def _shapes(data: TaskData) -> Finding:
    kinds = {name: (tuple(split.inputs.shape[1:]), split.inputs.dtype) for name, split in _splits(data).items()}
    return Finding(
        check="samples have one shape",
        passed=len(set(kinds.values())) == 1,
        detail=", ".join(f"{name} {shape} {dtype}" for name, (shape, dtype) in kinds.items()),
    )


def _targets_in_range(data: TaskData) -> Finding:
    targets = [split.targets for split in _splits(data).values() if len(split)]
    low = min((int(each.min()) for each in targets), default=0)
    high = max((int(each.max()) for each in targets), default=0)
    return Finding(
        check="targets are in range",
        passed=low >= 0 and high < data.num_classes,
        detail=f"from {low} to {high}, of {data.num_classes}",
    )


def _classes_in_train(data: TaskData) -> Finding:
    counts = torch.bincount(data.train.targets.clamp(0, data.num_classes - 1), minlength=data.num_classes)
    missing = [label for label, count in enumerate(counts) if not count]
    return Finding(
        check="every class is in train",
        passed=not missing,
        detail=f"missing: {', '.join(map(str, missing))}" if missing else f"all {data.num_classes}",
    )


def _normalisation(data: TaskData) -> Finding:
    return Finding(
        check="normalisation is finite",
        passed=all(map(math.isfinite, data.mean)) and all(0 < each < math.inf for each in data.standard_deviation),
        detail=f"mean {_numbers(data.mean)}, standard deviation {_numbers(data.standard_deviation)}",
    )


def _next_tokens(data: TaskData) -> Finding:
    return Finding(
        check="targets are the next tokens",
        passed=all(torch.equal(split.inputs[:, 1:], split.targets[:, :-1]) for split in _splits(data).values()),
        detail=f"within sequences of {data.input_shape[0]}",
    )


def _repeatable(first: TaskData, second: TaskData) -> Finding:
    pairs = zip(_splits(first).values(), _splits(second).values(), strict=True)
    same = all(torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in pairs)
    return Finding(
        check="same seed, same split", passed=same, detail="equal twice" if same else "two loads with one seed differ"
    )


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
