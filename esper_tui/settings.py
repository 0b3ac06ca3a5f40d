"""What a user has chosen once and keeps: theme, keys of their own, bell and title. One TOML file per user."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from esper.contracts.files import read_file
from esper.errors import ConfigError
from esper_tui.key_rows import remapped
from esper_tui.keys import KEYS
from esper_tui.themes import THEMES

BELLS: Final = ("off", "critical", "warning")
"""No alert rings, critical ones do, or warnings too."""


def settings_path() -> Path:
    """$XDG_CONFIG_HOME/esper/cockpit.toml, by default in ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "esper" / "cockpit.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """theme: one of esper_tui/themes.py.
    keys: other keys for rows of the key table, by the row's name; Textual's names of keys.
    bell: which new alerts ring the terminal's bell: one of BELLS.
    title: whether the terminal's title says where the run is.
    """

    theme: str = THEMES[0].name
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    bell: str = BELLS[0]
    title: bool = False


DEFAULT_SETTINGS: Final = Settings()


def load_settings(path: Path) -> Settings:
    """The user's settings; the defaults without a file.

    Raises:
        ConfigError: the file cannot be read, or holds something that is not known.
    """
    try:
        document = tomllib.loads(read_file(path).decode())
    except FileNotFoundError:
        return DEFAULT_SETTINGS
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    unknown = set(document) - {"theme", "keys", "bell", "title"}
    if unknown:
        raise ConfigError(f"{path}: {', '.join(sorted(unknown))}: not known; there are theme, keys, bell and title")
    theme, changes = document.get("theme", DEFAULT_SETTINGS.theme), document.get("keys", {})
    names = [one.name for one in THEMES]
    if theme not in names:
        raise ConfigError(f"{path}: theme: {theme!r} is none of {', '.join(names)}")
    if not isinstance(changes, dict):
        raise ConfigError(f'{path}: keys: must be a table, for example [keys] with hold = "f5" below it')
    keys: dict[str, str] = {}
    for name, value in cast("dict[str, object]", changes).items():
        if not isinstance(value, str):
            raise ConfigError(f"{path}: keys.{name}: {value!r} is not the name of a key")
        keys[name] = value
    remapped(keys, KEYS)
    bell, title = document.get("bell", DEFAULT_SETTINGS.bell), document.get("title", DEFAULT_SETTINGS.title)
    if bell not in BELLS:
        raise ConfigError(f"{path}: bell: {bell!r} is none of {', '.join(BELLS)}")
    if not isinstance(title, bool):
        raise ConfigError(f"{path}: title: {title!r} is neither true nor false")
    return Settings(theme=theme, keys=keys, bell=bell, title=title)


def remember_theme(theme: str) -> str:
    """Keep the theme for the next time; returns what to say to the user."""
    path = settings_path()
    try:
        lines = read_file(path).decode().splitlines() if path.exists() else []
        kept = [text for text in lines if not text.startswith("theme")]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([f'theme = "{theme}"', *kept]) + "\n", encoding="utf-8")
    except OSError as error:
        return f"theme {theme}; not remembered: {error}"
    return f"theme {theme}, remembered in {path}"
