"""What train, ab and evaluate have in common: their options, and the way to a configuration that can run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from esper.api.options import prepare as prepare
from esper.api.options import resolve as resolve
from esper.cli import completion
from esper.cli.streams import say
from esper.errors import ConfigError
from esper.training.config import TrainingConfig

Preset = Annotated[
    str,
    typer.Option(help="The preset to start from; see `esper presets list`.", autocompletion=completion.presets),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Start from this file instead: a preset, or a run's config.toml."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one value, e.g. ppo.learning_rate=3e-4. Repeatable.",
        autocompletion=completion.settings,
    ),
]
Rounds = Annotated[int | None, typer.Option(help="The number of rounds, each of E episodes and one PPO update.")]
EpisodeLength = Annotated[int | None, typer.Option(help="Host epochs per episode.")]
Seed = Annotated[int | None, typer.Option(help="Equal seeds give equal runs on CPU.")]
Device = Annotated[str | None, typer.Option(envvar="ESPER_DEVICE", help="cpu, cuda, cuda:1 ...")]
Threads = Annotated[int | None, typer.Option(help="CPU threads; 0 takes one or all, whichever is faster at the start.")]
RunsDir = Annotated[Path, typer.Option(envvar="ESPER_RUNS", help="The directory in which run directories are made.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="MODULE", help="Import this module first, e.g. my_blueprints. Repeatable."),
]
Sinks = Annotated[
    list[str] | None,
    typer.Option("--sink", metavar="NAME", help="Also send every event to this sink. Repeatable."),
]
Jobs = Annotated[int, typer.Option(min=1, metavar="N", help="Let N processes train at once; the results are the same.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Leave out every key of the cockpit that changes the run.")]
Serve = Annotated[
    bool, typer.Option("--serve", help="Show it in a browser, to any number of visitors, who can change nothing.")
]
Host = Annotated[
    str, typer.Option(help="Where --serve listens. Any address but this machine's own gets a secret token.")
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port of --serve.")]
NoTui = Annotated[bool, typer.Option("--no-tui", help="Print progress instead of opening the cockpit.")]


def starting_point(context: typer.Context, preset: str, file: Path | None) -> str | TrainingConfig:
    """What --preset and --config name: the name of a preset, or the configuration in the file.

    Raises:
        ConfigError: the file cannot be used, or a preset is named beside it.
    """
    if file is None:
        return preset
    source = context.get_parameter_source("preset")
    if source is not None and source.name == "COMMANDLINE":
        from esper.errors import ConfigError

        raise ConfigError(f"--preset {preset} and --config {file} both say where to start from: give one of them")
    from esper.history.presets import read_config_file

    return read_config_file(file)


def serve_viewers(arguments: Sequence[str], *, host: str, port: int, title: str) -> None:
    """Show a run in browsers until Ctrl-C.

    arguments: of a visitor's process (esper_tui/viewer.py).

    Raises:
        ConfigError: textual-serve is missing, or nobody may listen there.
    """
    try:
        from esper_tui.serving import serve
    except ModuleNotFoundError as error:
        raise ConfigError(f"--serve needs {error.name}: pip install 'esper-grow[serve]'") from error
    serve(arguments, host=host, port=port, title=title)


def wants_cockpit(no_tui: bool) -> bool:
    """Whether to open the cockpit. A line says why not, unless the user asked for it.

    The cockpit is drawn on stderr and reads its keys from stdin; a dumb terminal cannot place text.
    """
    if no_tui:
        return False
    missing = [name for name in ("stdin", "stdout", "stderr") if not getattr(sys, name).isatty()]
    if missing:
        say(f"esper: {', '.join(missing)}: no terminal, so the cockpit stays closed")
        return False
    if os.environ.get("TERM", "dumb") == "dumb":
        say("esper: TERM is dumb, a terminal that cannot place text, so the cockpit stays closed")
        return False
    return True
