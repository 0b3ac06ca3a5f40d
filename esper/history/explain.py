"""What can be set, and what it means, for the command line and the reference page."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from esper.contracts.actions import PerHead
from esper.contracts.settings import SettingEntry, walk_settings
from esper.errors import ConfigError
from esper.history.json_text import Document
from esper.training.config import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedSetting:
    """One setting as a reader needs it.

    entry: key, type and declaration, with the default.
    value: what it is in the configuration that was asked about.
    """

    entry: SettingEntry
    value: object

    @property
    def allowed(self) -> str:
        """Which values it may have, in a few words."""
        if self.entry.choices:
            return " | ".join(self.entry.choices)
        return self.entry.declared.range or self.entry.kind

    def document(self) -> Document:
        """The same as plain values, for JSON."""
        declared = self.entry.declared
        return {
            "key": self.entry.key,
            "type": self.entry.kind,
            "choices": list(self.entry.choices),
            "default": plain(self.entry.default),
            "value": plain(self.value),
            "low": declared.low,
            "low_open": declared.low_open,
            "high": declared.high,
            "high_open": declared.high_open,
            "unit": declared.unit,
            "meaning": declared.meaning,
        }


def all_settings(config: TrainingConfig) -> tuple[ExplainedSetting, ...]:
    """Every setting, with its value in this configuration."""
    defaults, values = walk_settings(TrainingConfig()), walk_settings(config)
    return tuple(
        ExplainedSetting(entry=entry, value=value.default) for entry, value in zip(defaults, values, strict=True)
    )


def find_settings(settings: Sequence[ExplainedSetting], query: str) -> tuple[ExplainedSetting, ...]:
    """The settings that a query means: a key, a table, or words that stand in key or meaning.

    Raises:
        ConfigError: nothing matches; the message offers the nearest keys.
    """
    exact = [one for one in settings if one.entry.key == query or one.entry.key.startswith(f"{query}.")]
    words = query.lower().split()
    found = exact or [one for one in settings if all(word in _text(one) for word in words)]
    if not found:
        keys = [one.entry.key for one in settings]
        names = {key.rpartition(".")[2]: key for key in keys}
        near = difflib.get_close_matches(query, [*keys, *names], n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(dict.fromkeys(names.get(one, one) for one in near))}?"
            if near
            else ("`esper settings` lists them all")
        )
        raise ConfigError(f"no setting matches {query!r}: {hint}")
    return tuple(found)


def _text(one: ExplainedSetting) -> str:
    return f"{one.entry.key} {one.entry.declared.meaning}".lower()


def plain(value: object) -> object:
    """A value as TOML and JSON have it."""
    if isinstance(value, PerHead):
        return dict(zip(PerHead.names(), value.in_order(), strict=True))
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


def shown(value: object) -> str:
    """A value in a table: numbers as they are, words without quotes, and nothing as a dash.

    >>> shown(()), shown("cpu"), shown(0.0003), shown(True)
    ('-', 'cpu', '0.0003', 'true')
    """
    if isinstance(value, PerHead):
        numbers = value.in_order()
        return f"{numbers[0]:g} each" if len(set(numbers)) == 1 else f"{min(numbers):g} to {max(numbers):g}, by head"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value))) or "-"
    return str(value) or "-"
