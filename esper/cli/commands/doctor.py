"""The command `esper doctor`."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from esper.contracts.distribution import package_version


def doctor(
    run: Annotated[
        Path | None, typer.Argument(help="A run directory: show how this run was made, and nothing of this machine.")
    ] = None,
    runs_dir: Annotated[Path, typer.Option(help="Where run directories would be made.")] = Path("runs"),
    autotune: Annotated[
        bool, typer.Option("--autotune", help="Time every way of computing the hosts of a preset on this machine.")
    ] = False,
    preset: Annotated[str, typer.Option(help="The preset whose hosts --autotune measures.")] = "digits",
) -> None:
    """Show what Esper finds on this machine, or how a run was made.

    The exit code is 1 if something that Esper needs is missing.
    """
    if run is not None:
        from esper.cli.console.provenance import print_provenance

        print_provenance(run)
        return
    if autotune:
        _autotune(preset)
        return
    import torch

    from esper.contracts.processors import busy_now
    from esper.fleet.devices import available_devices
    from esper.fleet.threads import default_threads
    from esper.history.presets import list_presets, presets_directory
    from esper.layers.native.build import unavailable

    writable, threads = _writable(runs_dir), default_threads()
    words = "1" if threads == 1 else f"1 or {threads}, whichever is faster,"
    presets = list_presets()
    rows = {
        "esper": package_version(),
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        **{name: version(name) for name in ("torch", "textual", "cattrs", "numpy", "scikit-learn")},
        "devices": ", ".join(available_devices()),
        "threads": f"{words} by default, {torch.get_num_threads()} of torch, {os.cpu_count()} processors",
        "load": busy_now() or f"{os.getloadavg()[0]:.1f}, not busy",
        "native kernels": unavailable() or "compiled for this machine",
        "runs directory": f"{runs_dir.resolve()} ({writable or 'writable'})",
        "presets": f"{', '.join(preset.name for preset in presets) or 'none'} ({presets_directory()})",
    }
    for name, value in rows.items():
        print(f"{name:15} {value}")
    raise typer.Exit(0 if writable is None and presets else 1)


def _autotune(preset: str) -> None:
    """Measure afresh, and print, the table from which fleet.conv_algorithm = "auto" chooses."""
    import torch
    from rich.table import Table

    from esper.console import PlainConsole
    from esper.fleet.autotune import FleetShape, choose_algorithm, measure_algorithms
    from esper.fleet.devices import resolve_device
    from esper.fleet.threads import use_threads
    from esper.history.presets import load_preset
    from esper.tasks.registry import load_task

    config = load_preset(preset)
    use_threads(config.run.threads)
    data = load_task(config.task, config.run.seed)
    shape = FleetShape(
        host=config.host,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        rows=config.fleet.envs,
        batch_size=config.fleet.batch_size,
        device=resolve_device(config.run.device),
    )
    table = Table()
    table.add_column("algorithm")
    table.add_column("training step", justify="right")
    for candidate in measure_algorithms(shape):
        time = "--" if candidate.milliseconds is None else f"{candidate.milliseconds:.2f} ms"
        table.add_row(candidate.algorithm, time)
    console = PlainConsole()
    console.print(shape.describe())
    console.print(table)
    choice = choose_algorithm(shape, config.fleet.conv_algorithm)
    console.print(f"a run of this preset takes {choice.algorithm} ({choice.source}), {torch.get_num_threads()} threads")


def _writable(directory: Path) -> str | None:
    """None if files can be made in a directory, or in its nearest parent that exists; else why not."""
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    try:
        with tempfile.TemporaryFile(dir=directory):
            return None
    except OSError as error:
        return f"NOT writable: {error.strerror}"
