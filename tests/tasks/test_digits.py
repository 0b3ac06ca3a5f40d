from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from esper.tasks import digits
from esper.tasks.config import TaskConfig
from esper.tasks.registry import load_task


def rows(split_images: torch.Tensor) -> list[bytes]:
    return [image.numpy().tobytes() for image in split_images]


def test_every_digit_is_in_exactly_one_split() -> None:
    data = load_task(TaskConfig(name="digits"), seed=7)
    together = sorted(rows(data.train.inputs) + rows(data.validation.inputs) + rows(data.test.inputs))
    originals = torch.from_numpy(load_digits().images.astype("uint8")).unsqueeze(1)
    assert together == sorted(rows(originals))
    assert [len(data.train), len(data.validation), len(data.test)] == [1077, 360, 360]


def test_splits_are_stratified() -> None:
    data = load_task(TaskConfig(name="digits"), seed=7)
    for split in (data.train, data.validation, data.test):
        shares = torch.bincount(split.targets, minlength=10) / len(split)
        assert shares.min() > 0.09
        assert shares.max() < 0.11


def test_the_seed_decides_the_split() -> None:
    first, again, other = (load_task(TaskConfig(name="digits"), seed=seed) for seed in (7, 7, 8))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert not torch.equal(first.train.inputs, other.train.inputs)


def test_labels_belong_to_their_images() -> None:
    data = load_task(TaskConfig(name="digits"), seed=7)
    originals = load_digits()
    known = {
        image.astype("uint8").tobytes(): label for image, label in zip(originals.images, originals.target, strict=True)
    }
    for image, label in zip(rows(data.test.inputs), data.test.targets.tolist(), strict=True):
        assert known[image] == label


def test_a_scikit_learn_that_keeps_the_digits_elsewhere_is_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = digits._read()
    monkeypatch.setattr(digits, "_data_file", lambda: None)
    asked_pixels, asked_labels = digits._read()
    assert torch.equal(pixels, asked_pixels)
    assert labels.tolist() == asked_labels.tolist()
    assert labels.dtype == asked_labels.dtype
