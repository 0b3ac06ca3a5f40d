"""JSON text that every JSON reader accepts: one line of ASCII without NaN."""

from __future__ import annotations

import json
import math
from typing import Final, NoReturn, cast

import orjson

from esper.errors import RecordError

Document = dict[str, object]

NON_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How numbers are written that JSON cannot express."""


def dump_json(document: object, *, sort_keys: bool = False) -> str:
    """The document on one line without spaces. Numbers that JSON cannot express become the strings of NON_FINITE."""
    encoder = _SORTING_ENCODER if sort_keys else _ENCODER
    try:
        return encoder.encode(document)
    except ValueError:  # Numbers that JSON cannot express are rare, so the tree is searched only if there is one.
        return encoder.encode(_spell_non_finite(document))


def parse_json_object(text: str | bytes) -> Document:
    """The JSON object that the text holds. A key that stands twice and a number beyond all floats are refused.

    Raises:
        RecordError: text is not JSON, or not an object.
    """
    return _parse_object(text, _DECODER)


def parse_python_object(text: bytes) -> Document:
    """Like parse_json_object, for text that Python's own json wrote, which spells NaN and infinities as bare words.

    Raises:
        RecordError: text is not JSON, or not an object.
    """
    return _parse_object(text, _PYTHON_DECODER)


def parse_checked_object(text: bytes) -> Document:
    """Like parse_json_object, several times faster, for text whose checksum has shown that Esper wrote it.

    A duplicate key is not noticed; the writer writes none.

    Raises:
        RecordError: text is not JSON, or not an object.
    """
    try:
        document: object = orjson.loads(text)
    except orjson.JSONDecodeError:  # It refuses half a surrogate pair, which Python writes and reads.
        return parse_json_object(text)
    return cast("Document", document) if type(document) is dict else parse_json_object(text)


def quoted(value: object) -> str:
    """A value as messages quote it, shortened where it is long."""
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:  # Python refuses to spell it out.
        return f"an integer of {value.bit_length():,} bits"
    return short(repr(value))


def short(text: str) -> str:
    """The text, cut off after 80 characters."""
    return text if len(text) <= 80 else f"{text[:77]}..."


def _parse_object(text: str | bytes, decoder: json.JSONDecoder) -> Document:
    try:
        document: object = decoder.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError("", text, "an object", problem=f"is not JSON: {short(str(error))}") from error
    if type(document) is not dict:
        raise RecordError("", document, "an object", problem=f"is {quoted(document)}: expected an object")
    return cast("Document", document)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{short(text)} is beyond the range of numbers")
    return number


def _without_duplicates(pairs: list[tuple[str, object]]) -> Document:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice in one object")
    return document


_LONGEST_INTEGER: Final = 256
"""Bits of the longest integer that messages spell out."""

_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SORTING_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True)
_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_duplicates
)
_PYTHON_DECODER: Final = json.JSONDecoder(parse_float=_finite, object_pairs_hook=_without_duplicates)


def _spell_non_finite(tree: object) -> object:
    if isinstance(tree, float) and not math.isfinite(tree):
        return "NaN" if math.isnan(tree) else "Infinity" if tree > 0 else "-Infinity"
    if isinstance(tree, dict):
        return {key: _spell_non_finite(value) for key, value in cast("Document", tree).items()}
    if isinstance(tree, list | tuple):
        return [_spell_non_finite(value) for value in cast("list[object]", tree)]
    return tree
