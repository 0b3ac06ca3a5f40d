"""A setting says once what it means, in what unit, and which values it may have.

A config class declares each field with `setting(...)` and calls `check_settings` when it is made. Validation, error
messages, `esper settings` and the reference page all read the same declaration.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Final, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from esper.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
_KEY: Final = "esper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is declared of one setting.

    meaning: one sentence.
    unit: of the number, in the plural; empty where it has none.
    low: the smallest value, or with low_open the bound that it must exceed; None where there is no number.
    high: the largest value, or with high_open the bound that it must stay below.
    odd: whether the number must be odd.
    """

    meaning: str
    unit: str = ""
    low: float | None = None
    low_open: bool = False
    high: float | None = None
    high_open: bool = False
    odd: bool = False

    @property
    def range(self) -> str:
        """The values that it may have, in words that follow "must be"; empty where there is no number.

        >>> Setting(meaning="", low=0, low_open=True, high=1).range
        'above 0 and at most 1'
        """
        if self.low is None or self.high is None:
            return ""
        if not self.low_open and not self.high_open:
            words = f"from {_plain(self.low)} to {_plain(self.high)}"
        else:
            low = f"{'above' if self.low_open else 'at least'} {_plain(self.low)}"
            words = f"{low} and {'below' if self.high_open else 'at most'} {_plain(self.high)}"
        return f"{words} and odd" if self.odd else words

    def allows(self, value: float) -> bool:
        """Whether the number lies in the range. NaN lies in none."""
        if self.low is None or self.high is None:
            return True
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and not (self.odd and value % 2 == 0)


def setting(
    default: T,
    meaning: str,
    *,
    unit: str = "",
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    odd: bool = False,
) -> T:
    """A field of a config class. A number needs a lower and an upper bound; both are finite.

    Bounds of a tuple or of a PerHead are those of its elements.
    """
    declared = Setting(
        meaning=meaning,
        unit=unit,
        low=at_least if above is None else above,
        low_open=above is not None,
        high=at_most if below is None else below,
        high_open=below is not None,
        odd=odd,
    )
    return field(default=default, metadata={_KEY: declared})


def check_settings(config: DataclassInstance, table: str) -> None:
    """Hold every setting of a config object to its declaration; called from __post_init__.

    Scalars of numpy and of torch become Python's, so that a config can be made from computed values.

    table: the config's place, for the message, for example host.transformer; empty for the whole configuration.

    Raises:
        ConfigError: a value has the wrong type or lies outside its range.
    """
    hints = _type_hints(type(config))
    for item in fields(config):
        declared, value, kind = item.metadata.get(_KEY), getattr(config, item.name), hints[item.name]
        key = f"{table}.{item.name}" if table else item.name
        if declared is None:
            _check_table(value, kind, key)
            continue
        checked = _checked(value, kind, declared, key)
        if checked is not value:
            object.__setattr__(config, item.name, checked)  # the object is being made: frozen comes after this


def _check_table(value: object, kind: type | UnionType, key: str) -> None:
    if not isinstance(value, kind):
        raise ConfigError(f"{key} is {shown(value)}: it must be a {getattr(kind, '__name__', kind)}")


def _checked(given: object, kind: object, declared: Setting, key: str) -> object:
    """The value as the declared type, after its checks."""
    value = _unboxed(given)
    if kind is bool:
        return _require(isinstance(value, bool), key, value, "true or false", declared)
    if kind is int or kind is float:
        return _number(value, kind, declared, key)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        wanted = f"one of {', '.join(map(str, choices))}"
        return _require(isinstance(value, str) and value in choices, key, value, wanted, declared)
    if get_origin(kind) is tuple:
        element = get_args(kind)[0]
        _require(isinstance(value, (tuple, list)), key, value, f"a list of {_kind(element)}", declared)
        return tuple(_checked(one, element, declared, key) for one in cast("tuple[object, ...]", value))
    if kind is str:
        return _require(isinstance(value, str), key, value, "text", declared)
    return _per_head(value, cast("type[DataclassInstance]", kind), declared, key)


def _per_head(value: object, kind: type[DataclassInstance], declared: Setting, key: str) -> object:
    """The record of one number per head, with every number checked."""
    if not isinstance(value, kind):
        raise _refusal(key, value, f"a {kind.__name__}, which holds one number per head", declared)
    given = {item.name: getattr(value, item.name) for item in fields(value)}
    numbers = {name: _number(_unboxed(one), float, declared, f"{key}.{name}") for name, one in given.items()}
    return value if all(numbers[name] is one for name, one in given.items()) else replace(value, **numbers)


def _unboxed(value: object) -> object:
    """Python's own value in the place of a scalar of numpy or torch, which contracts do not import."""
    read = getattr(value, "item", None)
    return read() if callable(read) and getattr(value, "shape", None) == () else value


def _number(value: object, kind: type[int | float], declared: Setting, key: str) -> int | float:
    noun = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind is int and isinstance(value, float)):
        raise _refusal(key, value, noun, declared)
    if (isinstance(value, float) and not math.isfinite(value)) or not declared.allows(value):
        raise _refusal(key, value, declared.range, declared)
    return value if type(value) is kind else kind(value)


def _require(holds: bool, key: str, value: object, wanted: str, declared: Setting) -> object:
    if not holds:
        raise _refusal(key, value, wanted, declared)
    return value


def _refusal(key: str, value: object, wanted: str, declared: Setting) -> ConfigError:
    """The error that names the key, the value, what it must be, and what the setting means."""
    unit = f" {declared.unit}" if declared.unit and wanted == declared.range else ""
    return ConfigError(f"{key} is {shown(value)}: it must be {wanted}{unit} ({_aside(declared.meaning)})")


def shown(value: object) -> str:
    """A refused value on one line, shortened.

    >>> shown(10**5000), shown("a" * 99), shown([1, 2])
    ('a number of more than 60 digits', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...", '[1, 2]')
    """
    if isinstance(value, int) and abs(value) >= 10**60:  # Python refuses to write out an integer of thousands of digits
        return "a number of more than 60 digits"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _aside(sentence: str) -> str:
    """A sentence as an aside within another: without its capital and its full stop."""
    head = sentence.split(". ")[0].rstrip(".")
    return head if head[1:2].isupper() else head[:1].lower() + head[1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingEntry:
    """One setting of a config class, with its place.

    key: as in --set, for example ppo.learning_rate.
    kind: its type, in words.
    choices: the words that it may be; empty where any word or a number is meant.
    default: its value when nothing says otherwise.
    declared: its declaration.
    """

    key: str
    kind: str
    choices: tuple[str, ...]
    default: object
    declared: Setting


def walk_settings(config: DataclassInstance, prefix: str = "") -> Iterator[SettingEntry]:
    """Every setting of a config object and of the tables in it, with the object's own values as defaults."""
    hints = _type_hints(type(config))
    for item in fields(config):
        value, key = getattr(config, item.name), f"{prefix}{item.name}"
        declared = item.metadata.get(_KEY)
        if declared is not None:
            kind = hints[item.name]
            choices = get_args(kind) if get_origin(kind) is Literal else ()
            yield SettingEntry(key=key, kind=_kind(kind), choices=choices, default=value, declared=declared)
        else:
            assert is_dataclass(value), f"{key} is declared without setting()"
            assert not isinstance(value, type), f"{key} is a table, not a class"
            yield from walk_settings(value, f"{key}.")


def _kind(kind: object) -> str:
    if get_origin(kind) is tuple:
        return f"list of {_kind(get_args(kind)[0])}"
    if get_origin(kind) is Literal:
        return "choice"
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(
        cast("type", kind), "one number per head"
    )


@cache
def _type_hints(kind: type) -> dict[str, type | UnionType]:
    return get_type_hints(kind)


def _plain(value: float) -> str:
    """A bound as a person would write it.

    >>> _plain(1e-12), _plain(100_000), _plain(0.5), _plain(2**63 - 1)
    ('1e-12', '100,000', '0.5', '2^63 - 1')
    """
    if value == 2**63 - 1:
        return "2^63 - 1"
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
