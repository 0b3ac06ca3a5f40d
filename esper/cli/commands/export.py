"""The command `esper export`, which writes a grown network for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


class Form(StrEnum):
    """The forms in which a network can leave Esper."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    PT2 = "pt2"
    TORCH = "torch"


def export(
    run: Annotated[Path, typer.Argument(help="Run directory.", autocompletion=runs)],
    host: Annotated[
        str, typer.Option(help="best, last, a name that `esper hosts RUN` lists, or ENV,EPISODE.")
    ] = "best",
    to: Annotated[Form, typer.Option(help="The form of the file.")] = Form.SAFETENSORS,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; by default, one in the working directory.")
    ] = None,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
    ] = None,
) -> None:
    """Write a network that a run has grown to a file that other programs read."""
    from esper.errors import ConfigError
    from esper.export.selection import find_host
    from esper.history.run_directory import RunDirectory
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    saved = find_host(RunDirectory.open(run).path, host)
    from esper.export.network import SUFFIXES, export_host  # This imports torch.

    target = out or Path(f"{saved.path.parent.parent.name}-{saved.path.name}{SUFFIXES[to.value]}")
    try:
        export_host(saved, target, to.value)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from error
    about = saved.description
    print(f"{about.task}: test accuracy {about.test_accuracy:.2f} %, {about.parameters:,} parameters")
    print(target)
