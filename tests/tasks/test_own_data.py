"""Hosts with data of their own: shares of the split, wrong labels, and nothing that depends on other hosts."""

from __future__ import annotations

import pytest
import torch

from esper.contracts.conditions import Conditions
from esper.tasks.batches import BatchSource
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.own_data import OwnData, own_data
from esper.tasks.registry import load_task


@pytest.fixture(scope="module")
def data() -> TaskData:
    return load_task(TaskConfig(name="digits"), seed=3)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(data: TaskData, *conditions: Conditions) -> OwnData:
    return own_data(data, list(conditions), [generator(7) for _ in conditions])


def test_a_share_of_the_split_is_seen_again_and_again(data: TaskData) -> None:
    own = drawn(data, Conditions(data_share=0.25))
    _, counts = torch.unique(own.samples_en[0], return_counts=True)
    assert len(counts) == round(0.25 * len(data.train))
    assert counts.max() - counts.min() <= 1


def test_noise_replaces_that_share_of_the_labels(data: TaskData) -> None:
    own = drawn(data, Conditions(label_noise=0.5), Conditions())
    wrong = (own.targets_en != data.train.targets).float().mean(1)
    assert wrong[0] == pytest.approx(0.45, abs=0.05), "one replacement in ten is the right label by chance"
    assert wrong[1] == 0.0


def test_a_smaller_share_is_a_part_of_a_larger_one(data: TaskData) -> None:
    """So that two hosts of one stream differ by their conditions and by nothing else."""
    few, many = drawn(data, Conditions(data_share=0.2), Conditions(data_share=0.8)).samples_en
    assert set(few.tolist()) < set(many.tolist())


def test_minibatches_hold_each_hosts_own_samples_and_labels(data: TaskData) -> None:
    source = BatchSource(data, envs=2, batch_size=64, evaluation_batch_size=100, steps=3)
    own = drawn(data, Conditions(data_share=0.05), Conditions(label_noise=1.0))
    batches = list(source.train([generator(1)], own))
    assert batches[0].inputs.shape == (2, 64, 1, 8, 8)
    seen = torch.cat([batch.inputs[0] for batch in batches]).flatten(1)
    assert len(torch.unique(seen, dim=0)) <= round(0.05 * len(data.train))
    plain = list(source.train([generator(1)]))
    assert not torch.equal(batches[0].targets[1], plain[0].targets[1])


def test_without_own_data_the_common_order_is_what_it_was(data: TaskData) -> None:
    source = BatchSource(data, envs=2, batch_size=64, evaluation_batch_size=100, steps=3)
    alike = OwnData(samples_en=torch.arange(len(data.train)).expand(2, -1), targets_en=data.train.targets.expand(2, -1))
    for plain, same in zip(source.train([generator(1)]), source.train([generator(1)], alike), strict=True):
        assert torch.equal(plain.inputs, same.inputs)
        assert torch.equal(plain.targets, same.targets)
