"""What train, ab and evaluate have in common: their options, and the way to a configuration that can run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from esper.contracts.constants import AGENT_NAME
from esper.training.config import TrainingConfig

Preset = Annotated[str, typer.Option(help="The preset to start from; see `esper presets list`.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. ppo.learning_rate=3e-4. Repeatable."),
]
Rounds = Annotated[int | None, typer.Option(help="The number of rounds, each of E episodes and one PPO update.")]
EpisodeLength = Annotated[int | None, typer.Option(help="Host epochs per episode.")]
Seed = Annotated[int | None, typer.Option(help="Equal seeds give equal runs on CPU.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")]
Threads = Annotated[int | None, typer.Option(help="CPU threads for torch; 0 leaves the choice to torch.")]
RunsDir = Annotated[Path, typer.Option(help="The directory in which run directories are made.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="MODULE", help="Import this module first, e.g. my_blueprints. Repeatable."),
]
NoTui = Annotated[bool, typer.Option("--no-tui", help="Print progress instead of opening the cockpit.")]


def resolve(
    preset: str,
    overrides: Sequence[str] | None,
    plugins: Sequence[str] | None,
    *,
    controller: str | None = None,
    decisions: str | None = None,
    rounds: int | None = None,
    envs: int | None,
    episode_length: int | None,
    seed: int | None,
    device: str | None,
    devices: Sequence[str] = (),
    threads: int | None,
    checkpoint_every: int | None = None,
) -> TrainingConfig:
    """The configuration that the options ask for. An option that is None leaves the preset's value.

    Raises:
        ConfigError: there is no such preset, plug-in or key, or a value does not fit.
    """
    from esper.history.presets import resolve_config
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    options = {
        "controller.name": controller,
        "controller.decisions": decisions,
        "run.rounds": rounds,
        "run.seed": seed,
        "run.device": device or (devices[0] if devices else None),
        "run.devices": list(devices) or None,
        "run.threads": threads,
        "run.checkpoint_interval": checkpoint_every,
        "fleet.envs": envs,
        "fleet.episode_length": episode_length,
    }
    given = {path: value for path, value in options.items() if value is not None}
    return resolve_config(preset, overrides=overrides or (), values=given)


def prepare(config: TrainingConfig) -> None:
    """Make sure that device, controller and data are there, before the cockpit takes over the screen.

    A download shows its progress.

    Raises:
        ConfigError: there is no such device or controller, or the data is not available.
    """
    if {config.run.device, *config.run.devices} != {
        "cpu"
    }:  # Loading torch takes seconds, so it is asked only if there is need.
        from esper.fleet.devices import resolve_device

        resolve_device(config.run.device)
        for name in config.run.devices:
            resolve_device(name, "run.devices")
    if config.controller.name != AGENT_NAME:
        from esper.training.controllers.registry import find_controller

        find_controller(config.controller.name)
    from esper.tasks.downloads import prepare

    prepare(config.task)


def wants_cockpit(no_tui: bool) -> bool:
    """Whether to open the cockpit. If the cockpit is wanted but there is no terminal, a line on stderr says so."""
    if no_tui:
        return False
    if sys.stdin.isatty() and sys.stdout.isatty():
        return True
    print("esper: no terminal: training headless", file=sys.stderr)
    return False
