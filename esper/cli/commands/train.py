"""The command `esper train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from esper.cli import run_options


def train(
    context: typer.Context,
    preset: run_options.Preset = "digits",
    overrides: run_options.Overrides = None,
    controller: Annotated[
        str | None,
        typer.Option(
            help="What decides: ppo, static, random, schedule, heuristic, hillclimb, or a plug-in's controller."
        ),
    ] = None,
    rounds: run_options.Rounds = None,
    envs: Annotated[int | None, typer.Option(help="The number of hosts that are trained side by side.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: run_options.Seed = None,
    device: run_options.Device = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE ...", help="Several devices that share the hosts, e.g. --devices cuda:0 cuda:1."),
    ] = None,
    threads: run_options.Threads = None,
    runs_dir: run_options.RunsDir = Path("runs"),
    plugins: run_options.Plugins = None,
    no_tui: run_options.NoTui = False,
) -> None:
    """Train a fleet of growing hosts and the controller that grows them."""
    config = run_options.resolve(
        preset,
        overrides,
        plugins,
        controller=controller,
        rounds=rounds,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        devices=_devices(context, devices or ()),
        threads=threads,
    )
    run_options.prepare(config)
    if run_options.wants_cockpit(no_tui):
        from esper_tui import session

        raise typer.Exit(session.train(config, runs_dir))
    from esper.cli.console.headless import train_headless

    raise typer.Exit(train_headless(config, runs_dir))


def _devices(context: typer.Context, named: Sequence[str]) -> list[str]:
    """The words after --devices. click takes only the first of them and leaves the others over.

    Commas separate them, too.

    Raises:
        ConfigError: words are left over that belong to no option.
    """
    if context.args and not named:
        from esper.errors import ConfigError

        raise ConfigError(f"there is no argument {context.args[0]!r}: `esper train --help` lists the options")
    return [name for words in (*named, *context.args) for name in words.split(",") if name]
