"""What a sweep may choose, as it is written on the command line: ranges and lists of values for settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from esper.contracts.settings import SettingEntry, walk_settings
from esper.errors import ConfigError
from esper.history.presets import parse_override, with_overrides
from esper.training.config import TrainingConfig

if TYPE_CHECKING:
    from optuna import Trial

_RANGE: Final = re.compile(r"(?P<low>[^.|:]+(?:\.[^.|:]+)?)\.\.(?P<high>[^|:]+?)(?P<log>:log)?")
_EXAMPLE: Final = "for example ppo.learning_rate=1e-4..1e-2:log, fleet.envs=4..16 or reward.mode=shaped|simplified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A setting that is a number between two others.

    log: whether equal factors, and not equal differences, are equally likely.
    whole: whether it is a whole number.
    """

    key: str
    low: float
    high: float
    log: bool
    whole: bool

    def suggest(self, trial: Trial) -> str:
        """The override that sets the trial's value."""
        if self.whole:
            return f"{self.key}={trial.suggest_int(self.key, int(self.low), int(self.high), log=self.log)}"
        return f"{self.key}={trial.suggest_float(self.key, self.low, self.high, log=self.log)!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A setting that has one of several values, as they were written."""

    key: str
    values: tuple[str, ...]

    def suggest(self, trial: Trial) -> str:
        """The override that sets the trial's value."""
        return f"{self.key}={trial.suggest_categorical(self.key, self.values)}"


Parameter = Range | Choice


def split_space(texts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Values of --set, sorted into those that are to be searched and those that are fixed."""
    searched = tuple(text for text in texts if _is_searched(text.partition("=")[2]))
    return searched, tuple(text for text in texts if text not in searched)


def _is_searched(value: str) -> bool:
    if value.lstrip()[:1] in ("'", '"', "[", "{"):  # TOML, in which dots and bars are text
        return False
    return ".." in value or "|" in value


def parse_space(base: TrainingConfig, texts: Sequence[str]) -> tuple[Parameter, ...]:
    """The parameters, checked: both ends of a range and every choice are values that the setting may have.

    Raises:
        ConfigError: there is none, one is named twice or malformed, or a setting does not exist or cannot have a value.
    """
    parameters = tuple(_parse(base, text) for text in texts)
    keys = [parameter.key for parameter in parameters]
    if not keys:
        raise ConfigError(
            f"nothing is to be searched: give at least one --set with a range or several values, {_EXAMPLE}"
        )
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"{key} is to be searched twice: give it once")
    return parameters


def _parse(base: TrainingConfig, text: str) -> Parameter:
    key, _ = parse_override(text)
    value = text.partition("=")[2].strip()
    if "|" in value:
        choice = Choice(key=key, values=tuple(part.strip() for part in value.split("|")))
        _check(base, key, choice.values)
        if len(set(choice.values)) < len(choice.values):
            raise ConfigError(f"{text} names a value twice: give each once")
        return choice
    found = _RANGE.fullmatch(value)
    if found is None:
        raise ConfigError(
            f"{text} is no range: write lowest..highest, with :log after it for equal factors; {_EXAMPLE}"
        )
    _check(base, key, (found["low"], found["high"]))
    return _range(_number_setting(base, key), found)


def _range(setting: SettingEntry, found: re.Match[str]) -> Range:
    low, high, log = float(found["low"]), float(found["high"]), found["log"] is not None
    if not low < high:
        raise ConfigError(f"{setting.key} is to go from {found['low']} to {found['high']}: give the lower end first")
    if log and low <= 0:
        raise ConfigError(f"{setting.key} begins at {found['low']}: a range with :log needs a lower end above 0")
    return Range(key=setting.key, low=low, high=high, log=log, whole=setting.kind == "whole number")


def _number_setting(base: TrainingConfig, key: str) -> SettingEntry:
    for setting in walk_settings(base):
        if setting.key == key and setting.kind in ("number", "whole number"):
            return setting
    raise ConfigError(f"{key} is no number, so it has no range: list its values instead, as in {key}=one|other")


def _check(base: TrainingConfig, key: str, values: Sequence[str]) -> None:
    """Try every value on its own.

    Two settings that only fit together are tried when a trial chooses both.
    """
    for value in values:
        with_overrides(base, [f"{key}={value}"])
