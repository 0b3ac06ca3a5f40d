"""How settings look on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from esper.history.explain import ExplainedSetting, shown


def settings_list(settings: Sequence[ExplainedSetting], preset: str | None) -> Group:
    """Two lines per setting: its key, its default and the values that it may have, and below them what it means.

    preset: whose value is shown where it differs from the default; None shows defaults alone.
    """
    width = max(len(one.entry.key) for one in settings)
    return Group(*(_entry(one, width, preset) for one in settings))


def _entry(one: ExplainedSetting, width: int, preset: str | None) -> Group:
    declared = one.entry.declared
    head = Text(one.entry.key.ljust(width), style="bold")
    head.append(f"  {shown(one.entry.default)}", style="not bold cyan")
    if preset is not None and one.value != one.entry.default:
        head.append(f"  {preset}: {shown(one.value)}", style="not bold magenta")
    unit = f" {declared.unit}" if declared.unit else ""
    head.append(f"  ({one.allowed}{unit})", style="not bold dim")
    return Group(head, Padding(Text(declared.meaning), (0, 0, 0, 4)))
