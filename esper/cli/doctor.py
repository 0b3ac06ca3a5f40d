"""esper doctor"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    runs_dir: Annotated[Path, typer.Option(help="Where run directories would be made.")] = Path("runs"),
) -> None:
    """Show what esper finds on this machine; exit code 1 if something is missing that it needs."""
    import torch

    from esper.cli.devices import available_devices
    from esper.history.settings import list_presets, presets_directory

    writable = _writable(runs_dir)
    presets = list_presets()
    rows = {
        "esper": version("esper"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        **{name: version(name) for name in ("torch", "textual", "cattrs", "numpy", "scikit-learn")},
        "devices": ", ".join(available_devices()),
        "threads": f"{torch.get_num_threads()} of torch, {os.cpu_count()} processors",
        "runs directory": f"{runs_dir.resolve()} ({writable or 'writable'})",
        "presets": f"{', '.join(preset.name for preset in presets) or 'none'} ({presets_directory()})",
    }
    for name, value in rows.items():
        print(f"{name:15} {value}")
    raise typer.Exit(0 if writable is None and presets else 1)


def _writable(directory: Path) -> str | None:
    """None if files can be made in directory (or in the nearest parent that exists), else why not."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    try:
        with tempfile.TemporaryFile(dir=directory):
            return None
    except OSError as error:
        return f"NOT writable: {error.strerror}"
