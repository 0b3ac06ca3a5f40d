"""What is wrong with a document: the errors that its reader sees, each with a path and what is expected there."""

from __future__ import annotations

import difflib

from esper.errors import RecordError
from esper.history.json_text import Document, quoted, short


def check_keys(document: Document, keys: tuple[str, ...]) -> None:
    """Refuse a document that lacks one of these keys, or has another.

    Raises:
        RecordError: it does.
    """
    for key in keys:
        if key not in document:
            raise missing_key(key, "a value")
    for key in document:
        if key not in keys:
            raise unknown_key("", short(key), keys)


def wrong_value(path: str, value: object, expected: str) -> RecordError:
    return RecordError(path, value, expected, problem=f"is {quoted(value)}: expected {expected}")


def missing_key(path: str, expected: str) -> RecordError:
    return RecordError(path, None, expected, problem=f"is missing: expected {expected}")


def unknown_key(parent: str, key: str, keys: tuple[str, ...]) -> RecordError:
    """A key that no field has.

    parent: the path of the document.
    keys: those that there are.
    """
    near = difflib.get_close_matches(key, keys, n=2)
    prefix = f"{parent}." if parent else ""
    hint = f"did you mean {' or '.join(prefix + name for name in near)}?" if near else f"choose {', '.join(keys)}"
    expected = f"one of the keys {', '.join(keys)}"
    return RecordError(prefix + key, key, expected, problem=f"does not exist: {hint}")
