"""The command `esper export`, which writes a grown network, or what was recorded, for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


class Form(StrEnum):
    """The forms in which a network can leave Esper, and those of tables of events."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    PT2 = "pt2"
    TORCH = "torch"
    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


TABLES = (Form.PARQUET, Form.CSV, Form.JSONL)


def export(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    host: Annotated[
        str | None,
        typer.Option(help="best, which is the default, last, a name that `esper hosts RUN` lists, or ENV,EPISODE."),
    ] = None,
    to: Annotated[
        Form, typer.Option(help="The form of the network's file; parquet, csv and jsonl write the events as tables.")
    ] = Form.SAFETENSORS,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file, or the folder of tables; by default, in the working directory."),
    ] = None,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
    ] = None,
) -> None:
    """Write a network that a run has grown, or the events that it recorded, for other programs.

    Tables of events go into a folder, one per kind of event; parquet and csv need DuckDB.
    """
    from esper.contracts.text import printable
    from esper.errors import ConfigError
    from esper.export.selection import find_host
    from esper.history.run_directory import RunDirectory
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    if to in TABLES:
        if host is not None:
            raise ConfigError(f"--host chooses a network, and --to {to} writes events: leave one of them out")
        from esper.cli.console.tables import export_tables

        export_tables(RunDirectory.open(run), to.value, out)
        return
    saved = find_host(RunDirectory.open(run).path, host or "best")
    from esper.export.network import SUFFIXES, export_host  # This imports torch.

    target = out or Path(f"{saved.path.parent.parent.name}-{saved.path.name}{SUFFIXES[to.value]}")
    try:
        export_host(saved, target, to.value)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from error
    about = saved.description
    print(f"{printable(about.task)}: test accuracy {about.test_accuracy:.2f} %, {about.parameters:,} parameters")
    print(target)
