"""What the shell offers when a value is completed. Nothing here loads torch, because it must answer at once."""

from __future__ import annotations

import os
from pathlib import Path

from esper.contracts.constants import AGENT_NAME

_BASELINES = ("static", "random", "schedule", "heuristic", "hillclimb")


def presets(incomplete: str) -> list[tuple[str, str]]:
    """The presets that begin with what was typed, each with what it is for."""
    from esper.history.presets import list_presets

    return [(one.name, one.description) for one in list_presets() if one.name.startswith(incomplete)]


def controllers(incomplete: str) -> list[str]:
    """Esper's own controllers that begin with what was typed; a plug-in's are not known before it is imported."""
    return [name for name in (AGENT_NAME, *_BASELINES) if name.startswith(incomplete)]


def settings(incomplete: str) -> list[tuple[str, str]]:
    """The settings that begin with what was typed, each with its meaning; after the equals sign, its choices."""
    from esper.contracts.settings import walk_settings
    from esper.training.config import TrainingConfig

    entries = list(walk_settings(TrainingConfig()))
    key, equals, _ = incomplete.partition("=")
    if not equals:
        return [(f"{one.key}=", one.declared.meaning) for one in entries if one.key.startswith(incomplete)]
    texts = [f"{key}={choice}" for one in entries if one.key == key for choice in one.choices]
    return [(text, "") for text in texts if text.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """The folders of runs that begin with what was typed: in ESPER_RUNS or runs/, and beside a path that was typed."""
    from esper.history.run_directory import EVENTS_FILE

    typed = Path(incomplete)
    beside = typed if incomplete.endswith("/") else typed.parent
    folders = {beside, Path(os.environ.get("ESPER_RUNS") or "runs")}
    found = {str(log.parent) for folder in folders for log in folder.glob(f"*/{EVENTS_FILE}")}
    return sorted(path for path in found if path.startswith(incomplete))
