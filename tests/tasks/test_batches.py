from __future__ import annotations

import pytest
import torch

from esper.errors import ConfigError
from esper.tasks.batches import BatchSource
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.registry import load_task


@pytest.fixture(scope="module")
def data() -> TaskData:
    return load_task(TaskConfig(name="digits"), seed=3)


def source(data: TaskData, *, envs: int = 3, batch_size: int = 64, steps: int = 0) -> BatchSource:
    return BatchSource(data, envs=envs, batch_size=batch_size, evaluation_batch_size=100, steps=steps)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_pass_holds_the_full_minibatches_of_the_split(data: TaskData) -> None:
    batches = list(source(data).train([generator(1)]))
    assert len(batches) == 1077 // 64
    assert batches[0].inputs.shape == (3, 64, 1, 8, 8)
    assert batches[0].targets.shape == (3, 64)


def test_no_sample_comes_twice_in_one_pass(data: TaskData) -> None:
    seen = torch.cat([batch.inputs[0] for batch in source(data).train([generator(1)])]).flatten(1)
    distinct = torch.unique(data.train.inputs.flatten(1), dim=0)
    assert len(torch.unique(seen, dim=0)) >= len(seen) - (len(data.train) - len(distinct))


def test_declared_steps_do_not_depend_on_the_number_of_envs(data: TaskData) -> None:
    for envs in (1, 8):
        assert len(list(source(data, envs=envs, steps=40).train([generator(1)]))) == 40


def test_shared_order_gives_every_env_the_same_minibatch_without_a_copy(data: TaskData) -> None:
    batch = next(source(data).train([generator(1)]))
    assert batch.inputs.stride(0) == 0
    assert torch.equal(batch.inputs[0], batch.inputs[2])


def test_own_order_of_an_env_does_not_depend_on_the_others(data: TaskData) -> None:
    together = list(source(data).train([generator(1), generator(2), generator(3)]))
    alone = list(source(data, envs=1).train([generator(2)]))
    for many, one in zip(together, alone, strict=True):
        assert torch.equal(many.inputs[1], one.inputs[0])
        assert torch.equal(many.targets[1], one.targets[0])
        assert not torch.equal(many.inputs[0], many.inputs[1])


def test_inputs_are_normalised_by_the_training_split(data: TaskData) -> None:
    everything = torch.cat([batch.inputs[0] for batch in source(data).train([generator(1)])])
    assert abs(everything.mean().item()) < 0.02
    assert abs(everything.std().item() - 1) < 0.02


def test_evaluation_covers_the_whole_split_in_order(data: TaskData) -> None:
    batches = source(data).validation()
    assert torch.equal(torch.cat([batch.targets[0] for batch in batches]), data.validation.targets)
    assert [batch.targets.shape[1] for batch in batches] == [100, 100, 100, 60]


def test_a_minibatch_larger_than_the_split_is_the_users_mistake(data: TaskData) -> None:
    with pytest.raises(ConfigError, match=r"fleet\.batch_size is 2000.*1077"):
        source(data, batch_size=2000)
