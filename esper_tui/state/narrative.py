"""How the run is, in one sentence. It is made of the alerts that stand, and claims nothing that no rule has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from esper_tui.state.alerts import Alert
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import CockpitSnapshot, EnvStatus

_ENV_WORDS: Final[dict[str, tuple[str, str]]] = {
    EnvStatus.FALLEN.value: ("has fallen far below its best", "have fallen far below their best"),
    EnvStatus.STALLED.value: ("has stalled", "have stalled"),
    EnvStatus.ROLLED_BACK.value: ("was rolled back", "were rolled back"),
    EnvStatus.NOT_A_NUMBER.value: ("has a loss that is no number", "have a loss that is no number"),
}
_OPENINGS: Final = {Level.CRITICAL: "Critical", Level.WARNING: "To be looked at"}


def narrative(snapshot: CockpitSnapshot) -> str:
    """The sentence.

    The worst comes first; alerts of the same kind are counted.
    """
    alerts = sorted(snapshot.alerts, key=lambda alert: -alert.level)
    if not alerts:
        return "No rule has fired." if snapshot.envs else "Nothing has been reported yet."
    parts = [_words(group, len(snapshot.envs)) for group in _grouped(alerts)]
    return f"{_OPENINGS[alerts[0].level]}: {'; '.join(parts)}."


def _grouped(alerts: Sequence[Alert]) -> list[list[Alert]]:
    groups: dict[tuple[str, str | None], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.word, alert.group_id), []).append(alert)
    return list(groups.values())


def _words(alerts: Sequence[Alert], envs: int) -> str:
    first = alerts[0]
    if first.word in _ENV_WORDS and not first.by_trainer:
        one, many = _ENV_WORDS[first.word]
        names = " and ".join(f"env {alert.env_id:02d}" for alert in alerts)
        who = names if len(alerts) <= 2 else f"{len(alerts)} of {envs} envs"
        return f"{who} {one if len(alerts) == 1 else many}"
    times = f" ×{len(alerts)}" if len(alerts) > 1 else ""
    return f"{first.who} {first.word} {first.text}{times}"
