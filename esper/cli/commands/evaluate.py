"""The command `esper evaluate`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esper.cli import run_options
from esper.contracts.constants import AGENT_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esper.evaluation.records import ControllerResult


class Decisions(StrEnum):
    """Values of controller.decisions."""

    GREEDY = "greedy"
    SAMPLED = "sampled"


BASELINES = "static,random,schedule,heuristic,hillclimb"


def evaluate(
    context: typer.Context,
    preset: run_options.Preset = "digits_impaired",
    config_file: run_options.ConfigFile = None,
    controllers: Annotated[str, typer.Option(help="Names of controllers, separated by commas.")] = BASELINES,
    seeds: Annotated[int, typer.Option(help="Runs per controller, with run.seed and the seeds that follow it.")] = 5,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A run, or one of its checkpoints, that holds what the controller ppo has learned."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The group whose policy plays, if the checkpoint has several.")
    ] = None,
    decisions: Annotated[
        Decisions | None, typer.Option(help="Let ppo take its likeliest choices, or draw them; the preset says greedy.")
    ] = None,
    overrides: run_options.Overrides = None,
    envs: Annotated[int | None, typer.Option(help="Hosts per run, and therefore episodes per run.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: Annotated[int | None, typer.Option(help="The first seed.")] = None,
    device: run_options.Device = None,
    threads: run_options.Threads = None,
    runs_dir: Annotated[Path, typer.Option(help="The directory in which a folder with all runs is made.")] = Path(
        "runs"
    ),
    plugins: run_options.Plugins = None,
    sinks: run_options.Sinks = None,
    jobs: run_options.Jobs = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per controller and line.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the figures to this CSV file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw them into this .svg, .png or .pdf file.")] = None,
) -> None:
    """Compare controllers on the test split: paired seeds, one budget, with static hosts of equal size."""
    config = run_options.resolve(
        run_options.starting_point(context, preset, config_file),
        overrides,
        plugins,
        decisions=decisions,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        threads=threads,
        sinks=sinks or (),
    )
    check_writable(csv, plot)
    if plot is not None:
        from esper.evaluation.picture import check_can_draw

        check_can_draw(plot)
    run_options.prepare(config)
    from esper.checkpoints import trained_policy
    from esper.cli.console.evaluation_run import play
    from esper.evaluation.plan import make_plan

    names = [name.strip() for name in controllers.split(",") if name.strip()]
    policy = trained_policy(checkpoint, preset, group_id=group) if AGENT_NAME in names else None
    if policy is not None:
        print(f"ppo plays what {policy.path} has learned", file=sys.stderr)
    trained = None if policy is None else policy.make_controller
    results, code = play(
        make_plan(config, names, seeds=seeds, trained=trained), runs_dir, jobs=jobs, plugins=config.run.plugins
    )
    if results:
        _show(results, as_json=as_json, csv=csv, plot=plot)
    raise typer.Exit(code)


def check_writable(*files: Path | None) -> None:
    """Refuse files that cannot be written, before the first run rather than after the last.

    Raises:
        ConfigError: one of them cannot be opened for writing.
    """
    from esper.errors import ConfigError

    for file in files:
        if file is None:
            continue
        new = not file.exists()
        try:
            file.open("ab").close()
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}; give another file") from error
        if new:
            file.unlink()


def _show(results: Sequence[ControllerResult], *, as_json: bool, csv: Path | None, plot: Path | None) -> None:
    from esper.cli.console.evaluation_table import against_table, differences_table, figures_table
    from esper.console import PlainConsole
    from esper.evaluation.export import result_to_json, results_to_csv
    from esper.evaluation.picture import draw_results

    if csv is not None:
        csv.write_text(results_to_csv(results), encoding="utf-8")
    if plot is not None:
        draw_results(results, plot)
    if as_json:
        for result in results:
            sys.stdout.write(result_to_json(result) + "\n")
    else:
        console = PlainConsole()
        console.print(figures_table(results))
        if len(results) > 1:
            console.print(differences_table(results))
        if len(results) > 2:
            console.print(against_table(results))
        if results[0].worth is not None:
            console.print(against_table(results, worth=True))
