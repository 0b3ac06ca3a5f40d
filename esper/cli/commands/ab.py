"""The command `esper ab`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from esper.cli import run_options


def ab(
    context: typer.Context,
    preset: run_options.Preset = "digits",
    config_file: run_options.ConfigFile = None,
    a: Annotated[
        list[str] | None,
        typer.Option("--a", metavar="KEY=VALUE", help="Change one value for group A only, e.g. reward.mode=shaped."),
    ] = None,
    b: Annotated[
        list[str] | None,
        typer.Option("--b", metavar="KEY=VALUE", help="Change one value for group B only. Both are repeatable."),
    ] = None,
    overrides: run_options.Overrides = None,
    rounds: run_options.Rounds = None,
    envs: Annotated[int | None, typer.Option(help="Hosts per group; the fleet trains twice as many.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: run_options.Seed = None,
    device: run_options.Device = None,
    threads: run_options.Threads = None,
    runs_dir: run_options.RunsDir = Path("runs"),
    plugins: run_options.Plugins = None,
    sinks: run_options.Sinks = None,
    no_tui: run_options.NoTui = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as one JSON object; implies --no-tui.")
    ] = False,
) -> None:
    """Train two groups, A and B, in lockstep on paired hosts and data, and compare them pair by pair."""
    from esper.history.group_settings import resolve_groups

    config = run_options.resolve(
        run_options.starting_point(context, preset, config_file),
        overrides,
        plugins,
        rounds=rounds,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        threads=threads,
        sinks=sinks or (),
    )
    groups = resolve_groups(config, {"A": a or (), "B": b or ()})
    for spec in groups:
        run_options.prepare(spec.config)
    from esper.cli.console.ab_report import print_comparison

    report = partial(print_comparison, as_json=json)
    if run_options.wants_cockpit(no_tui or json):
        from esper_tui import session

        raise typer.Exit(session.train(config, runs_dir, groups=groups, report=report))
    from esper.cli.console.headless import train_headless

    raise typer.Exit(train_headless(config, runs_dir, groups=groups, report=report, to_stderr=json))
