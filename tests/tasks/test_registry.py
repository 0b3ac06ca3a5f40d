from __future__ import annotations

import pytest

from esper.errors import ConfigError
from esper.tasks import registry
from esper.tasks.config import TaskConfig
from esper.tasks.registry import load_task, register_task


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"task\.name is 'digitz'.*did you mean digits"):
        load_task(TaskConfig(name="digitz"), seed=1)


def test_a_name_can_be_taken_once() -> None:
    with pytest.raises(ValueError, match="already registered"):
        register_task("digits", "again", lambda config, seed: load_task(config, seed))


def test_synthetic_data_says_so_in_its_name_and_description() -> None:
    entry = registry.TASKS.find("synthetic_cifar")
    assert "made-up" in entry.description
    data = load_task(TaskConfig(name="synthetic_cifar", train_samples=40, test_samples=20), seed=1)
    assert data.name == "synthetic_cifar"
    assert data.input_shape == (3, 32, 32)
    assert [len(data.train), len(data.validation), len(data.test)] == [40, 20, 20]
