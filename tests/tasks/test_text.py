"""Language modelling on bytes: the embedded text, local files, and minibatches of tokens."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from esper.errors import ConfigError
from esper.tasks.batches import BatchSource
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.registry import load_task
from esper.tasks.text import python_topics


def load_file(path: Path, **settings: float) -> TaskData:
    return load_task(TaskConfig(name="tinystories", path=str(path), context=8, **settings), seed=1)


@pytest.fixture(scope="module")
def text() -> TaskData:
    return load_task(TaskConfig(name="text"), seed=1)


def content(split: Split) -> bytes:
    return split.inputs.flatten().numpy().tobytes()


def test_the_embedded_text_is_long_english_text(text: TaskData) -> None:
    assert (text.num_classes, text.input_shape, text.mean) == (256, (64,), ())
    assert text.random_guess_loss == pytest.approx(math.log(256))
    assert sum(len(split) for split in (text.train, text.validation, text.test)) * 64 > 300_000
    assert b"the" in content(text.train)


def test_no_paragraph_of_the_embedded_text_comes_twice() -> None:
    from pydoc_data.topics import topics

    paragraphs = [" ".join(paragraph.split()) for paragraph in python_topics().split("\n\n")]
    assert len(paragraphs) == len(set(paragraphs))
    everything = {" ".join(each.split()) for topic in topics.values() for each in topic.split("\n\n")}
    assert set(paragraphs) == everything - {""}


def test_splits_are_consecutive_blocks_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    story = bytes(range(256)) * 4
    path.write_bytes(story)
    data = load_file(path, validation_fraction=0.25, test_fraction=0.125)
    train, validation, test = story[:640], story[640:896], story[896:]
    for split, block in ((data.train, train), (data.validation, validation), (data.test, test)):
        windows = (len(block) - 1) // 8
        assert content(split) == block[: windows * 8]
        assert split.targets.flatten().numpy().tobytes() == block[1 : windows * 8 + 1]


def test_minibatches_hold_tokens_and_their_next_tokens(text: TaskData) -> None:
    source = BatchSource(text, envs=3, batch_size=16, evaluation_batch_size=100, steps=2)
    stream = text.train.inputs.flatten()
    for batch in source.train([torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]):
        assert batch.inputs.shape == batch.targets.shape == (3, 16, 64)
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert torch.equal(batch.inputs[:, :, 1:], batch.targets[:, :, :-1])
        assert not torch.equal(batch.inputs[0], batch.inputs[1])
    evaluation = torch.cat([batch.inputs[0] for batch in source.validation()])
    assert torch.equal(evaluation, text.validation.inputs.long())
    assert int(source.validation()[0].inputs.stride(0)) == 0
    assert len(stream) == len(text.train) * 64


def test_samples_on_another_device_are_the_same_samples(text: TaskData) -> None:
    moved = text.to(torch.device("cpu"))
    assert torch.equal(moved.train.targets, text.train.targets)
    assert (moved.name, moved.num_classes) == ("text", 256)


def test_a_parquet_file_is_the_same_text_as_its_stories(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stories = [f"Once upon a time there were {number} naïve bears." for number in range(40)]
    parquet.write_table(pyarrow.table({"text": [*stories, None], "other": [1] * 41}), tmp_path / "stories.parquet")
    (tmp_path / "stories.txt").write_text("\n\n".join(stories), encoding="utf-8")
    packed, plain = load_file(tmp_path / "stories.parquet"), load_file(tmp_path / "stories.txt")
    for name in ("train", "validation", "test"):
        assert content(getattr(packed, name)) == content(getattr(plain, name))


def test_a_damaged_parquet_file_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "stories.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigError, match=r"stories\.parquet cannot be read as a parquet file"):
        load_file(tmp_path / "stories.parquet")


def test_a_parquet_file_without_texts_is_an_error(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"other": [1]}), tmp_path / "stories.parquet")
    with pytest.raises(ConfigError, match=r"column 'text'"):
        load_file(tmp_path / "stories.parquet")


def test_without_pyarrow_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "stories.parquet").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"pip install 'esper-grow\[parquet\]'"):
        load_file(tmp_path / "stories.parquet")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for name in ("stories.txt", "stories.parquet"):
        with pytest.raises(ConfigError, match=r"task\.path is .*cannot be read"):
            load_file(tmp_path / name)


def test_tinystories_needs_a_file() -> None:
    with pytest.raises(ConfigError, match=r"set task\.path to a text or \.parquet file"):
        load_task(TaskConfig(name="tinystories"), seed=1)


def test_the_embedded_text_takes_no_file() -> None:
    with pytest.raises(ConfigError, match=r"leave it empty, or use task\.name=tinystories"):
        load_task(TaskConfig(name="text", path="book.txt"), seed=1)


@pytest.mark.parametrize("size", [0, 40])
def test_a_text_shorter_than_the_context_is_an_error(tmp_path: Path, size: int) -> None:
    (tmp_path / "short.txt").write_bytes(np.zeros(size, dtype=np.uint8).tobytes())
    with pytest.raises(ConfigError, match=rf"task\.context is 8: the text has {size} bytes"):
        load_file(tmp_path / "short.txt")
