"""GPT-2 tokens: the user's own tokenizer.json is read here and applied by tiktoken, an extra. Nothing is downloaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from esper.contracts.distribution import install_extra
from esper.contracts.files import read_file, user_path
from esper.errors import ConfigError
from esper.tasks.config import TaskConfig

WORD_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""How GPT-2 cuts text into words before it merges bytes; no token crosses a cut."""

_LARGEST_VOCABULARY: Final = 256 * 2**20
"""Bytes; GPT-2's tokenizer.json has one and a half million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpt2Vocabulary:
    """The tokens of a byte-level BPE tokenizer. Their ids are 0 to size - 1.

    ranks: the id of each token by its bytes. A token with a lower id is merged first.
    special: the tokens that stand for a marker in the text, such as <|endoftext|>.
    """

    ranks: dict[bytes, int]
    special: dict[str, int]

    @property
    def size(self) -> int:
        return len(self.ranks) + len(self.special)


def read_gpt2_vocabulary(path: str) -> Gpt2Vocabulary:
    """The vocabulary in a tokenizer.json.

    Raises:
        ConfigError: the file cannot be read, or is not a byte-level BPE tokenizer like GPT-2's.
    """
    try:
        content = cast("object", json.loads(read_file(user_path(path, "task.vocabulary"), most=_LARGEST_VOCABULARY)))
    except OSError as error:
        raise ConfigError(
            f"task.vocabulary is {path!r}: it cannot be read ({error.strerror or error}); give GPT-2's tokenizer.json"
        ) from error
    except ValueError as error:  # The text is not UTF-8, or not JSON.
        raise _not_gpt2(path, "it is not JSON") from error
    tokenizer = _table(content)
    model = _table(tokenizer.get("model"))
    if model.get("type") != "BPE":
        raise _not_gpt2(path, "its model.type is not BPE")
    pre_tokenizer = _table(tokenizer.get("pre_tokenizer"))
    if pre_tokenizer.get("type") != "ByteLevel" or pre_tokenizer.get("add_prefix_space"):
        raise _not_gpt2(path, "its pre_tokenizer is not ByteLevel without a prefix space")
    vocabulary = _table(model.get("vocab"))
    ids = {token: number for token, number in vocabulary.items() if type(number) is int}
    if not ids or len(ids) < len(vocabulary):
        raise _not_gpt2(path, "its model.vocab does not give an id to each token")
    special = _special_tokens(tokenizer.get("added_tokens"), path)
    plain = {token: number for token, number in ids.items() if token not in special}
    if sorted((*plain.values(), *special.values())) != list(range(len(plain) + len(special))):
        raise _not_gpt2(path, "its ids are not 0, 1, 2 and so on")
    _require_merge_order(plain, model.get("merges"), path)
    return Gpt2Vocabulary(ranks=_byte_ranks(plain, path), special=special)


def encode_gpt2(config: TaskConfig, stream_n: NDArray[np.uint8], vocabulary: Gpt2Vocabulary) -> NDArray[np.int32]:
    """The text in stream_n, as tokens.

    Raises:
        ConfigError: tiktoken is not installed, or the text is not UTF-8.
    """
    try:
        from tiktoken import Encoding
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"task.tokens is 'gpt2': install the extra that makes these tokens, {install_extra('gpt2')}, or set it "
            "to bytes"
        ) from error
    try:
        text = stream_n.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"task.path is {config.path!r}: it is not UTF-8 at byte {error.start:,}; convert it, or set task.tokens "
            "to bytes"
        ) from error
    encoding = Encoding(
        "gpt2", pat_str=WORD_PATTERN, mergeable_ranks=vocabulary.ranks, special_tokens=vocabulary.special
    )
    return encoding.encode_to_numpy(text, allowed_special="all").astype(np.int32)


def byte_letters() -> dict[str, int]:
    """The letter that stands for each byte in a tokenizer.json: its own if it can be printed, else one from 256 up."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def _not_gpt2(path: str, problem: str) -> ConfigError:
    return ConfigError(
        f"task.vocabulary is {path!r}: {problem}, so it is not a byte-level BPE tokenizer like GPT-2's; give GPT-2's "
        "own tokenizer.json"
    )


def _table(value: object) -> dict[str, object]:
    """The value if it is a JSON object, else an object without keys."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _special_tokens(added: object, path: str) -> dict[str, int]:
    special: dict[str, int] = {}
    for entry in map(_table, _items(added)):
        content, number = entry.get("content"), entry.get("id")
        if not isinstance(content, str) or type(number) is not int:
            raise _not_gpt2(path, "one of its added_tokens has no content or no id")
        special[content] = number
    return special


def _require_merge_order(plain: dict[str, int], merges: object, path: str) -> None:
    """Check that the merges are in the order of the ids, because tiktoken takes their order from the ids."""
    merged = ["".join(map(str, pair.split(" ") if isinstance(pair, str) else _items(pair))) for pair in _items(merges)]
    if merged != sorted((token for token in plain if len(token) > 1), key=plain.__getitem__):
        raise _not_gpt2(path, "its model.merges are not in the order of the ids")


def _byte_ranks(plain: dict[str, int], path: str) -> dict[bytes, int]:
    letters = byte_letters()
    if not letters.keys() <= plain.keys() or not letters.keys() >= set("".join(plain)):
        raise _not_gpt2(path, "its model.vocab does not hold every byte, or holds letters that stand for no byte")
    return {bytes(letters[letter] for letter in token): number for token, number in plain.items()}
