"""Texts as GPT-2 tokens, with a tiny tokenizer.json of GPT-2's form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from esper.conformance.tasks import check_task
from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.gpt2 import byte_letters
from esper.tasks.registry import load_task

STORY = "".join(f"The {n} naïve bears sat. It's the end.\n<|endoftext|>\nThen   the cat said: 熊!\n" for n in range(60))
MERGES = ["t h", "Ġ th", "Ġth e", "T h", "Th e", "c a"]
END = 256 + len(MERGES)


def tiny_tokenizer() -> dict[str, object]:
    tokens = [*sorted(byte_letters()), *(merge.replace(" ", "") for merge in MERGES), "<|endoftext|>"]
    return {
        "added_tokens": [{"id": END, "content": "<|endoftext|>", "special": True}],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
        "model": {"type": "BPE", "vocab": {token: n for n, token in enumerate(tokens)}, "merges": MERGES},
    }


def write(path: Path, tokenizer: object) -> str:
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return str(path)


def settings(folder: Path, vocabulary: str) -> TaskConfig:
    (folder / "story.txt").write_bytes(STORY.encode())
    return TaskConfig(
        name="tinystories", path=str(folder / "story.txt"), context=8, tokens="gpt2", vocabulary=vocabulary
    )


@pytest.fixture
def config(tmp_path: Path) -> TaskConfig:
    pytest.importorskip("tiktoken")
    return settings(tmp_path, write(tmp_path / "tokenizer.json", tiny_tokenizer()))


def ids(split: Split) -> list[int]:
    """Every token of a split's windows: its inputs, and the last target."""
    return [*split.inputs.flatten().tolist(), int(split.targets[-1, -1])]


def decoded(tokens: list[int]) -> bytes:
    letters = byte_letters()
    spelled = [*sorted(letters), *(merge.replace(" ", "") for merge in MERGES)]
    pieces = [b"<|endoftext|>" if n == END else bytes(letters[letter] for letter in spelled[n]) for n in tokens]
    return b"".join(pieces)


def test_windows_decode_to_consecutive_pieces_of_the_text(config: TaskConfig) -> None:
    data = load_task(config, seed=1)
    assert (data.num_classes, data.input_shape, data.train.inputs.dtype) == (END + 1, (8,), torch.int32)
    rest = STORY.encode()
    for split in (data.train, data.validation, data.test):
        piece = decoded(ids(split))
        place = rest.find(piece)
        assert len(piece) > 500
        assert 0 <= place < 40  # only what is left of a block after its last window lies between
        rest = rest[place + len(piece) :]
    assert len(rest) < 40


def test_words_are_merged_and_markers_are_one_token(config: TaskConfig) -> None:
    tokens = ids(load_task(config, seed=1).train)
    spelled = [decoded([token]) for token in tokens]
    assert spelled[:4] == [b"The", b" ", b"0", b" "]
    assert {b" the", b"ca", b"<|endoftext|>"} <= set(spelled)
    assert b"<" not in spelled


def test_a_task_of_gpt2_tokens_passes_the_checks(tmp_path: Path) -> None:
    pytest.importorskip("tiktoken")
    vocabulary = write(tmp_path / "tokenizer.json", tiny_tokenizer())
    report = check_task(TaskConfig(name="text", tokens="gpt2", vocabulary=vocabulary))
    assert report.passed, str(report)


def test_merges_may_be_pairs(config: TaskConfig) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer["model"] = {**model_of(tokenizer), "merges": [merge.split(" ") for merge in MERGES]}
    expected: TaskData = load_task(config, seed=1)
    write(Path(config.vocabulary), tokenizer)
    assert torch.equal(load_task(config, seed=1).train.inputs, expected.train.inputs)


def model_of(tokenizer: dict[str, object]) -> dict[str, object]:
    model = tokenizer["model"]
    assert isinstance(model, dict)
    return model


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("model", {"type": "WordPiece"}, "its model.type is not BPE"),
        ("model", {"vocab": ["a"]}, "its model.vocab does not give an id"),
        ("model", {"vocab": {"a": "0"}}, "its model.vocab does not give an id"),
        ("model", {"vocab": {"a": 0}}, "its ids are not 0, 1, 2"),
        ("model", {"merges": MERGES[::-1]}, "its model.merges are not in the order"),
        ("model", {"vocab": {str(n): n for n in range(10)} | {"<|endoftext|>": 10}}, "its ids are not 0, 1, 2"),
        ("pre_tokenizer", {"type": "Metaspace"}, "its pre_tokenizer is not ByteLevel"),
    ],
)
def test_a_vocabulary_of_another_kind_is_refused(
    tmp_path: Path, section: str, change: dict[str, object], message: str
) -> None:
    tokenizer = tiny_tokenizer()
    part = tokenizer[section]
    assert isinstance(part, dict)
    vocabulary = write(tmp_path / "tokenizer.json", tokenizer | {section: part | change})
    with pytest.raises(ConfigError, match=rf"task\.vocabulary is '.*tokenizer\.json': {message}.*give GPT-2's own"):
        load_task(settings(tmp_path, vocabulary), seed=1)


def test_a_vocabulary_without_every_byte_is_refused(tmp_path: Path) -> None:
    letters = {letter: n for n, letter in enumerate("abc")}
    tokenizer = tiny_tokenizer() | {"added_tokens": [], "model": {"type": "BPE", "vocab": letters, "merges": []}}
    with pytest.raises(ConfigError, match="does not hold every byte"):
        load_task(settings(tmp_path, write(tmp_path / "tokenizer.json", tokenizer)), seed=1)


def test_a_vocabulary_that_is_not_json_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b"\xff{")
    with pytest.raises(ConfigError, match=r"task\.vocabulary is .*broken\.json': it is not JSON"):
        load_task(settings(tmp_path, str(tmp_path / "broken.json")), seed=1)
    with pytest.raises(ConfigError, match=r"task\.vocabulary is .*none\.json': it cannot be read"):
        load_task(settings(tmp_path, str(tmp_path / "none.json")), seed=1)


def test_tokens_and_vocabulary_go_together() -> None:
    with pytest.raises(ConfigError, match=r"task\.tokens is 'gpt2': set task\.vocabulary"):
        TaskConfig(name="text", tokens="gpt2")
    with pytest.raises(ConfigError, match=r"task\.vocabulary is 'a\.json': bytes need none"):
        TaskConfig(name="text", vocabulary="a.json")


def test_images_have_no_gpt2_tokens() -> None:
    with pytest.raises(ConfigError, match=r"task\.tokens is 'gpt2': task digits has images"):
        load_task(TaskConfig(name="digits", tokens="gpt2", vocabulary="a.json"), seed=1)


def test_without_tiktoken_the_error_names_the_extra(config: TaskConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(ConfigError, match=r"task\.tokens is 'gpt2'.*pip install 'esper-grow\[gpt2\]'"):
        load_task(config, seed=1)


def test_a_text_that_is_not_utf8_is_refused(config: TaskConfig) -> None:
    Path(config.path).write_bytes(b"caf\xe9 " * 100)
    with pytest.raises(ConfigError, match=r"task\.path is .*not UTF-8 at byte 3"):
        load_task(config, seed=1)
