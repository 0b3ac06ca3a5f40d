"""esper train"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esper.cli import run_options


def train(
    preset: run_options.Preset = "digits",
    overrides: run_options.Overrides = None,
    controller: Annotated[
        str | None, typer.Option(help="Who decides: ppo, static, random, schedule, heuristic, hillclimb or a plugin's.")
    ] = None,
    rounds: run_options.Rounds = None,
    envs: Annotated[int | None, typer.Option(help="Hosts that are trained side by side.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: run_options.Seed = None,
    device: run_options.Device = None,
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
        threads=threads,
    )
    run_options.prepare(config)
    if run_options.wants_cockpit(no_tui):
        from esper_tui import app

        raise typer.Exit(app.train(config, runs_dir))
    from esper.cli.headless import train_headless

    raise typer.Exit(train_headless(config, runs_dir))
