"""esper train"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def train(
    preset: Annotated[str, typer.Option(help="Preset to start from; see `esper presets list`.")] = "digits",
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. ppo.learning_rate=3e-4. Repeatable."),
    ] = None,
    controller: Annotated[
        str | None, typer.Option(help="Who decides: ppo, static, random, schedule, heuristic, hillclimb or a plugin's.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds: E episodes and one PPO update each.")] = None,
    envs: Annotated[int | None, typer.Option(help="Hosts that are trained side by side.")] = None,
    episode_length: Annotated[int | None, typer.Option(help="Host epochs per episode.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal runs on CPU.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch; 0 leaves torch's choice.")] = None,
    runs_dir: Annotated[Path, typer.Option(help="Where run directories are made.")] = Path("runs"),
    plugins: Annotated[
        list[str] | None,
        typer.Option("--plugin", metavar="MODULE", help="Import this module first, e.g. my_blueprints. Repeatable."),
    ] = None,
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print progress instead of opening the cockpit.")] = False,
) -> None:
    """Train a fleet of growing hosts and the controller that grows them."""
    from esper.growth.plugins import load_plugins
    from esper.history.settings import resolve_config

    load_plugins(plugins or ())
    options = {
        "controller.name": controller,
        "run.rounds": rounds,
        "run.seed": seed,
        "run.device": device,
        "run.threads": threads,
        "fleet.envs": envs,
        "fleet.episode_length": episode_length,
    }
    given = {path: value for path, value in options.items() if value is not None}
    config = resolve_config(preset, overrides=overrides or (), values=given)
    if config.run.device != "cpu":  # asking torch takes seconds: only when there is something to ask
        from esper.training.vectorized_trainer import resolve_device

        resolve_device(config.run.device)
    if config.controller.name != "ppo":
        from esper.training.controllers import find_controller

        find_controller(config.controller.name)
    from esper.tasks.downloads import prepare

    prepare(config.task)  # before the cockpit takes the screen, so that a download shows its progress
    if not no_tui and sys.stdin.isatty() and sys.stdout.isatty():
        from esper_tui import app

        raise typer.Exit(app.train(config, runs_dir))
    if not no_tui:
        print("esper: no terminal: training headless", file=sys.stderr)
    from esper.cli.headless import train_headless

    raise typer.Exit(train_headless(config, runs_dir))
