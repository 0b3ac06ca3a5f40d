"""Configuration of the task: which data, and how it is split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from esper.contracts.settings import check_settings, setting, shown
from esper.errors import ConfigError

TokenKind = Literal["bytes", "gpt2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """Which data set the hosts learn, and how it is split (docs/guides/tasks.md)."""

    name: str = setting("digits", "The data set that the hosts learn; a registered task.")
    validation_fraction: float = setting(
        0.2, "The share of the samples in the validation split, for tasks that come without one.", above=0, below=1
    )
    test_fraction: float = setting(
        0.2, "The share of the samples in the test split, for tasks that come without one.", above=0, below=1
    )
    path: str = setting("", "A local file or folder to read instead of downloading; empty means none.")
    augment: bool = setting(False, "Whether training images are cropped and mirrored at random.")
    context: int = setting(64, "The length of a sequence in text tasks.", at_least=1, at_most=1_000_000, unit="tokens")
    tokens: TokenKind = setting("bytes", "What text is cut into.")
    vocabulary: str = setting("", "A local copy of GPT-2's tokenizer.json; empty unless task.tokens is gpt2.")
    noise: float = setting(
        1.0,
        "The standard deviation of the noise of synthetic tasks, in units of the prototypes' own.",
        at_least=0,
        at_most=1_000,
    )
    train_samples: int = setting(
        50_000, "The number of training samples of synthetic tasks.", at_least=1, at_most=100_000_000, unit="samples"
    )
    test_samples: int = setting(
        10_000, "The number of test samples of synthetic tasks.", at_least=1, at_most=100_000_000, unit="samples"
    )

    def __post_init__(self) -> None:
        check_settings(self, "task")
        if self.tokens == "gpt2" and not self.vocabulary:
            raise ConfigError("task.tokens is 'gpt2': set task.vocabulary to a local copy of GPT-2's tokenizer.json")
        if self.tokens == "bytes" and self.vocabulary:
            raise ConfigError(
                f"task.vocabulary is {shown(self.vocabulary)}: bytes need none; leave it empty, or set task.tokens to "
                "gpt2"
            )
        if self.validation_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"task.validation_fraction + task.test_fraction is "
                f"{self.validation_fraction + self.test_fraction:g}: it must be below 1 to leave samples to train on"
            )
