"""The payload of a line of the original, field by field and with types.

The original wrote numbers of numpy as strings, and spelt NaN and infinities as Python does, so both are read here. A
field that a version of the original did not have yet is None where the caller allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar, cast

from esper.errors import RecordError
from esper.history.json_text import Document, quoted

Member = TypeVar("Member", bound=Enum)
Value = TypeVar("Value")


class KeptAsideError(Exception):
    """An event of the original that has no counterpart today; its text is the reason."""


class Fields:
    """Typed access to an object of the original.

    Every method raises RecordError if the value has the wrong type, or if it is missing and may not be.
    """

    def __init__(self, document: Document, path: str) -> None:
        """path: where the object stands in its line."""
        self._document = document
        self._path = path

    def maybe_number(self, name: str) -> float | None:
        """A number, also one in quotes."""
        value = self._document.get(name)
        if value is None:
            return None
        if type(value) not in (int, float, str):
            raise self._wrong(name, "a number")
        try:
            return float(cast("float | str", value))
        except (ValueError, OverflowError):
            raise self._wrong(name, "a number") from None

    def number(self, name: str) -> float:
        return self._needed(name, self.maybe_number(name), "a number")

    def maybe_integer(self, name: str) -> int | None:
        value = self._document.get(name)
        if value is not None and type(value) is not int:
            raise self._wrong(name, "an integer")
        return value

    def integer(self, name: str) -> int:
        return self._needed(name, self.maybe_integer(name), "an integer")

    def count(self, name: str) -> int:
        """An integer of at least 1."""
        value = self.integer(name)
        if value < 1:
            raise self._wrong(name, "an integer of at least 1")
        return value

    def maybe_text(self, name: str) -> str | None:
        value = self._document.get(name)
        if value is not None and type(value) is not str:
            raise self._wrong(name, "a string")
        return value

    def text(self, name: str) -> str:
        return self._needed(name, self.maybe_text(name), "a string")

    def maybe_flag(self, name: str) -> bool | None:
        value = self._document.get(name)
        if value is not None and type(value) is not bool:
            raise self._wrong(name, "true or false")
        return value

    def flag(self, name: str) -> bool:
        return self._needed(name, self.maybe_flag(name), "true or false")

    def items(self, name: str) -> list[object]:
        """A list; empty if it is missing."""
        value = self._document.get(name)
        if value is None:
            return []
        if type(value) is not list:
            raise self._wrong(name, "a list")
        return cast("list[object]", value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(cast("list[str]", self._each(name, str, "a list of strings")))

    def some_texts(self, name: str) -> tuple[str, ...]:
        """A list of one string or more."""
        return self._needed(name, self.texts(name) or None, "a list of strings")

    def flags(self, name: str) -> tuple[bool, ...]:
        """A list of booleans."""
        return tuple(cast("list[bool]", self._each(name, bool, "a list of true and false")))

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of numbers."""
        return tuple(cast("list[float]", self._each(name, float, "a list of numbers")))

    def table(self, name: str) -> Fields:
        """An object; without any field if it is missing."""
        value = self._document.get(name)
        if value is not None and type(value) is not dict:
            raise self._wrong(name, "an object")
        return Fields(cast("Document", value or {}), self._at(name))

    def tables(self, name: str) -> tuple[Fields, ...]:
        """A list of objects."""
        places = enumerate(self._each(name, dict, "a list of objects"))
        return tuple(Fields(cast("Document", value), f"{self._at(name)}[{index}]") for index, value in places)

    def names(self) -> tuple[str, ...]:
        """The names of the object's fields."""
        return tuple(self._document)

    def member(self, name: str, enumeration: type[Member]) -> Member:
        """A member of an enumeration, by its name in any case.

        Raises:
            KeptAsideError: today's enumeration has no such member.
        """
        text = self.text(name)
        table = cast("Mapping[str, Member]", enumeration.__members__)
        if text.upper() not in table:
            raise KeptAsideError(f"{name} {quoted(text)} is not known")
        return table[text.upper()]

    def _each(self, name: str, kind: type, expected: str) -> list[object]:
        values = self.items(name)
        if any(type(value) is not kind for value in values):
            raise self._wrong(name, expected)
        return values

    def _needed(self, name: str, value: Value | None, expected: str) -> Value:
        if value is None:
            raise RecordError(self._at(name), None, expected, problem=f"is missing: expected {expected}")
        return value

    def _wrong(self, name: str, expected: str) -> RecordError:
        value = self._document[name]
        return RecordError(self._at(name), value, expected, problem=f"is {quoted(value)}: expected {expected}")

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
