"""Configuration of the task: which data, and how it is split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.validation import require_non_negative, require_one_of, require_positive
from esper.errors import ConfigError

TokenKind = Literal["bytes", "gpt2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """Which data set the hosts learn.

    name: a registered task. validation_fraction and test_fraction: share of the samples in those splits, for tasks
    that come without such splits. path: local file or folder to read instead of downloading; empty = none given.
    augment: crop and mirror training images at random. context: tokens per sequence of text tasks. tokens: what
    text is cut into. vocabulary: GPT-2's tokenizer.json, a local file; empty unless tokens is gpt2. noise: standard
    deviation of the noise of synthetic tasks, in units of the prototype's. train_samples, test_samples: size of
    synthetic tasks.
    """

    name: str = "digits"
    validation_fraction: float = 0.2
    test_fraction: float = 0.2
    path: str = ""
    augment: bool = False
    context: int = 64
    tokens: TokenKind = "bytes"
    vocabulary: str = ""
    noise: float = 1.0
    train_samples: int = 50_000
    test_samples: int = 10_000

    def __post_init__(self) -> None:
        require_positive(
            "task",
            validation_fraction=self.validation_fraction,
            test_fraction=self.test_fraction,
            context=self.context,
            train_samples=self.train_samples,
            test_samples=self.test_samples,
        )
        require_one_of("task", ("bytes", "gpt2"), tokens=self.tokens)
        if self.tokens == "gpt2" and not self.vocabulary:
            raise ConfigError("task.tokens is 'gpt2': set task.vocabulary to a local copy of GPT-2's tokenizer.json")
        if self.tokens == "bytes" and self.vocabulary:
            raise ConfigError(
                f"task.vocabulary is {self.vocabulary!r}: bytes need none; leave it empty, or set task.tokens to gpt2"
            )
        require_non_negative("task", noise=self.noise)
        if self.validation_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"task.validation_fraction + task.test_fraction is "
                f"{self.validation_fraction + self.test_fraction:g}: it must be below 1 to leave samples to train on"
            )
