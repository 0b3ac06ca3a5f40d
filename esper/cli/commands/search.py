"""The command `esper search`."""

from __future__ import annotations

from typing import Annotated

import typer

from esper.cli import run_options


def search(
    context: typer.Context,
    preset: run_options.Preset = "digits_impaired",
    config_file: run_options.ConfigFile = None,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Host epochs to spend; without it, as many as training on the preset takes."),
    ] = None,
    overrides: run_options.Overrides = None,
    episode_length: run_options.EpisodeLength = None,
    seed: Annotated[int | None, typer.Option(help="The seed of the search and of its hosts.")] = None,
    device: run_options.Device = None,
    threads: run_options.Threads = None,
    plugins: run_options.Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per schedule and line.")] = False,
) -> None:
    """Look for the best fixed schedule of seeds, with the budget that a policy would train on.

    It is what a policy must beat to show that looking at the host pays. Only validation accuracies are read. The
    answer is printed as settings for `esper evaluate --controllers schedule`.
    """
    config = run_options.resolve(
        run_options.starting_point(context, preset, config_file),
        overrides,
        plugins,
        envs=None,
        episode_length=episode_length,
        seed=seed,
        device=device,
        threads=threads,
    )
    run_options.prepare(config)
    from rich.console import Console

    from esper.cli.console.schedule_search import candidate_to_json, candidates_table, play, settings_of

    fleet = config.fleet
    spend = config.run.rounds * fleet.envs * fleet.episode_length if budget is None else budget
    candidates, code = play(config, spend)
    if code:
        raise typer.Exit(code)
    if as_json:
        print("\n".join(candidate_to_json(one) for one in candidates))
    else:
        console = Console(highlight=False)
        console.print(candidates_table(candidates, priced=bool(config.variety.size_price)))
        console.print("The best one, as settings:", *settings_of(candidates[0].schedule), sep="\n  ", soft_wrap=True)
