"""JSON text that every JSON reader accepts: one line of ASCII without NaN."""

from __future__ import annotations

import json
import math
from typing import Final, NoReturn, cast

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
    """The JSON object that the text holds.

    Raises:
        RecordError: text is not JSON, or not an object.
    """
    try:
        document: object = _DECODER.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError("", text, "an object", problem=f"is not JSON: {error}") from error
    if type(document) is not dict:
        raise RecordError("", document, "an object", problem=f"is {document!r}: expected an object")
    return cast("Document", document)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SORTING_ENCODER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True)
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _spell_non_finite(tree: object) -> object:
    if isinstance(tree, float) and not math.isfinite(tree):
        return "NaN" if math.isnan(tree) else "Infinity" if tree > 0 else "-Infinity"
    if isinstance(tree, dict):
        return {key: _spell_non_finite(value) for key, value in cast("Document", tree).items()}
    if isinstance(tree, list | tuple):
        return [_spell_non_finite(value) for value in cast("list[object]", tree)]
    return tree
