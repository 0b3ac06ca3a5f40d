"""Tasks by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from esper.contracts.registry import Registry
from esper.errors import ConfigError
from esper.tasks import cifar, digits, fashion_mnist, synthetic_cifar, text
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.downloads import REMOTE_FILES

TaskLoader = Callable[[TaskConfig, int], TaskData]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntry:
    """A registered task: its name, one line on what it is, and the function that loads it from a config and a seed."""

    name: str
    description: str
    load: TaskLoader


_LOCAL_FILES: Final = frozenset({"tinystories"})
"""Tasks that read what task.path names."""

TASKS: Final[Registry[TaskEntry]] = Registry("task", "task.name")


def register_task(name: str, description: str, load: TaskLoader) -> None:
    """Make a task available by name.

    Raises:
        ConfigError: the name is taken.
    """
    TASKS.add(name, TaskEntry(name=name, description=description, load=load))


def needs_no_files(name: str) -> bool:
    """Whether a task can be loaded as it is: it comes with a package or is computed."""
    return name not in REMOTE_FILES and name not in _LOCAL_FILES


def load_task(config: TaskConfig, seed: int) -> TaskData:
    """Load the task that config names, split by seed.

    Raises:
        ConfigError: no task of that name, or GPT-2 tokens are asked of images.
    """
    data = TASKS.find(config.name).load(config, seed)
    if config.tokens == "gpt2" and not data.has_tokens:
        raise ConfigError(f"task.tokens is 'gpt2': task {config.name} has images, not text; set it to bytes")
    return data


register_task("digits", "1,797 real 8x8 handwritten digits (ships with scikit-learn)", digits.load)
register_task(
    "synthetic_cifar", "made-up 3x32x32 images in the shape of CIFAR-10, for benchmarks only", synthetic_cifar.load
)
register_task("cifar10", "60,000 colour images of 10 kinds; downloaded once, or task.path", cifar.load_cifar10)
register_task("cifar100", "60,000 colour images of 100 kinds; downloaded once, or task.path", cifar.load_cifar100)
register_task(
    "fashion_mnist",
    "70,000 grey images of 10 kinds of clothes; downloaded once, or task.path",
    fashion_mnist.load,
)
register_task(
    "text", "next byte or GPT-2 token of the help texts that come with Python, for transformer hosts", text.load_text
)
register_task(
    "tinystories",
    "next byte or GPT-2 token of a local text or parquet file (task.path), for transformer hosts",
    text.load_tinystories,
)
