"""Language modelling: predict each next token of a text. A token is a byte or one of GPT-2's (task.tokens).

The text is cut into three blocks, training, validation and test in this order, and each block into windows of
task.context tokens. Blocks share no token. The targets of a window are its tokens shifted by one place, so its last
target is the first token of the next window. What is left at the end of a block is not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from esper.contracts.distribution import install_extra
from esper.contracts.files import open_file, user_path
from esper.contracts.text import on_one_line
from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.gpt2 import encode_gpt2, read_gpt2_vocabulary

BYTES = 256
PARQUET_COLUMN = "text"
STORY_SEPARATOR = "\n\n"


def load_text(config: TaskConfig, seed: int) -> TaskData:
    """The help texts of Python's own documentation, which come with every Python. The seed is not used.

    Some topics repeat paragraphs of others. Each paragraph is kept once, where it first appears, so that no split
    contains text of another. The text differs a little between Python versions.

    Raises:
        ConfigError: task.path is set, GPT-2 tokens cannot be made, or the context is too long for the text.
    """
    if config.path:
        raise ConfigError(
            f"task.path is {config.path!r}: task text reads the text that comes with Python and no file; leave it "
            "empty, or use task.name=tinystories, which reads any text file"
        )
    return build_text_task(config, np.frombuffer(python_topics().encode(), dtype=np.uint8))


def load_tinystories(config: TaskConfig, seed: int) -> TaskData:
    """A local text file, or the column `text` of a local parquet file. The seed is not used.

    Raises:
        ConfigError: no file is given, it cannot be read or is too short, an extra is not installed, or GPT-2 tokens
            cannot be made.
    """
    if not config.path:
        raise ConfigError(
            "task tinystories reads a local file: set task.path to a text or .parquet file, for example "
            "TinyStories-train.txt of huggingface.co/datasets/roneneldan/TinyStories"
        )
    path = user_path(config.path, "task.path")
    try:
        open_file(path).close()
        stream = _read_parquet(path) if path.suffix == ".parquet" else np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        reason = on_one_line(error.strerror or str(error))
        raise ConfigError(
            f"task.path is {config.path!r}: it cannot be read ({reason}); give a text or .parquet file"
        ) from error
    return build_text_task(config, stream)


def python_topics() -> str:
    """Every paragraph of Python's documentation topics, once, with the topics in alphabetical order."""
    from pydoc_data.topics import topics

    paragraphs: dict[str, str] = {}
    for topic in sorted(topics):
        for paragraph in topics[topic].split("\n\n"):
            words = " ".join(paragraph.split())
            if words:
                paragraphs.setdefault(words, paragraph.strip("\n"))
    return "\n\n".join(paragraphs.values())


def build_text_task(config: TaskConfig, stream_n: NDArray[np.uint8]) -> TaskData:
    """Cut a text, given as bytes, into tokens, and the tokens into the three splits.

    Raises:
        ConfigError: GPT-2 tokens cannot be made, or a split would hold no window.
    """
    if config.tokens == "bytes":
        return _split_stream(config, stream_n, BYTES)
    vocabulary = read_gpt2_vocabulary(config.vocabulary)
    return _split_stream(config, encode_gpt2(config, stream_n, vocabulary), vocabulary.size)


def _split_stream(
    config: TaskConfig, stream_n: NDArray[np.uint8] | NDArray[np.int32], vocabulary_size: int
) -> TaskData:
    total = len(stream_n)
    test = int(total * config.test_fraction)
    validation = int(total * config.validation_fraction)
    if min(test, validation, total - test - validation) <= config.context:
        unit = "bytes" if config.tokens == "bytes" else "tokens"
        raise ConfigError(
            f"task.context is {config.context}: the text has {total:,} {unit}, of which the splits get "
            f"{total - test - validation:,}, {validation:,} and {test:,}, and each must be longer than the context"
        )
    ends = (total - test - validation, total - test, total)
    train_split, validation_split, test_split = (
        _windows(stream_n[start:end], config.context) for start, end in zip((0, *ends), ends, strict=False)
    )
    return TaskData(
        name=config.name,
        num_classes=vocabulary_size,
        train=train_split,
        validation=validation_split,
        test=test_split,
    )


def _windows(block_n: NDArray[np.uint8] | NDArray[np.int32], context: int) -> Split:
    """The windows of one block, as views. Inputs and targets share their memory until they move to another device."""
    stream = torch.from_numpy(block_n.copy())
    return Split(inputs=stream[:-1].unfold(0, context, context), targets=stream[1:].unfold(0, context, context))


class _Column(Protocol):
    """What is used of pyarrow's columns, which have no annotations."""

    @property
    def type(self) -> object: ...

    def to_pylist(self) -> list[object]: ...


def _read_parquet(path: Path) -> NDArray[np.uint8]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            f"{path} is a parquet file: install the extra that reads it, {install_extra('parquet')}, or give a "
            "text file"
        ) from error
    try:
        column = cast("_Column", parquet.read_table(path, columns=[PARQUET_COLUMN]).column(PARQUET_COLUMN))
        stories = column.to_pylist()
    except (ValueError, KeyError, RuntimeError) as error:  # pyarrow's own errors are subclasses of these.
        reason = on_one_line(str(error))
        raise ConfigError(
            f"{path} cannot be read as a parquet file with a column {PARQUET_COLUMN!r} ({reason}): fetch it again"
        ) from error
    if not all(story is None or isinstance(story, str) for story in stories):
        raise ConfigError(
            f"{path} has {column.type} in its column {PARQUET_COLUMN!r}: give a parquet file whose column holds strings"
        )
    text = STORY_SEPARATOR.join(story for story in cast("list[str | None]", stories) if story)
    return np.frombuffer(text.encode(), dtype=np.uint8)
