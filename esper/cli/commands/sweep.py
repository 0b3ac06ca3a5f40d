"""The command `esper sweep`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esper.cli import completion, run_options

if TYPE_CHECKING:
    from esper.sweep.records import SweepOrder
    from esper.sweep.sweep import Sweep
    from esper.training.config import TrainingConfig


def sweep(
    context: typer.Context,
    preset: run_options.Preset = "digits_impaired",
    config_file: run_options.ConfigFile = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUES",
            help="What to search: lowest..highest, lowest..highest:log or one|another. A single value is fixed.",
            autocompletion=completion.settings,
        ),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many trials there shall be in all.  [default: 20]")] = None,
    seeds: Annotated[int, typer.Option(help="Runs per trial, with run.seed and the seeds that follow it.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Let N processes train at once.")] = 1,
    prune: Annotated[bool, typer.Option(help="End trials that lag behind the median of the others.")] = True,
    controller: Annotated[
        str | None, typer.Option(help="What decides, as for train.", autocompletion=completion.controllers)
    ] = None,
    rounds: run_options.Rounds = None,
    envs: Annotated[int | None, typer.Option(help="The number of hosts that a run trains side by side.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: Annotated[int | None, typer.Option(help="The first seed.")] = None,
    device: run_options.Device = None,
    threads: run_options.Threads = None,
    runs_dir: run_options.RunsDir = Path("runs"),
    plugins: run_options.Plugins = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Go on with this sweep. A second process may join one that is running, too."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per trial and line.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write the trials to this CSV file.")] = None,
) -> None:
    """Search settings with Optuna: many runs, judged by their validation accuracy, in several processes."""
    from esper.cli.commands.evaluate import check_writable

    check_writable(csv)
    if resume is not None:
        _only_with_resume(context)
        from esper.sweep.sweep import resumed_sweep

        order, config = resumed_sweep(resume, trials=trials)
    else:
        from esper.sweep.space import split_space

        searched, fixed = split_space(overrides or ())
        config = run_options.resolve(
            run_options.starting_point(context, preset, config_file),
            fixed,
            plugins,
            controller=controller,
            rounds=rounds,
            envs=envs,
            episode_length=episode_length,
            seed=seed,
            device=device,
            threads=threads,
        )
        from esper.sweep.sweep import new_sweep

        run_options.prepare(config)
        order = new_sweep(config, searched, runs_dir, seeds=seeds, trials=20 if trials is None else trials, prune=prune)
    from esper.cli.console.sweep_run import play
    from esper.sweep.sweep import Sweep

    found = Sweep(order)
    code = play(found, order, config, jobs=jobs, plugins=config.run.plugins)
    _show(found, order, config, as_json=as_json, csv=csv)
    raise typer.Exit(code)


_WITH_RESUME = frozenset({"resume", "trials", "jobs", "as_json", "csv"})


def _only_with_resume(context: typer.Context) -> None:
    """Refuse options that would change a sweep that goes on."""
    from esper.errors import ConfigError

    sources = {name: context.get_parameter_source(name) for name in context.params if name not in _WITH_RESUME}
    spelled = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    refused = [spelled[name] for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if refused:
        raise ConfigError(f"{', '.join(refused)} cannot be given with --resume: a sweep goes on as it began")


def _show(sweep: Sweep, order: SweepOrder, config: TrainingConfig, *, as_json: bool, csv: Path | None) -> None:
    from esper.cli.console.sweep_table import best_line, importance_line, reports_to_csv, trials_table
    from esper.console import PlainConsole
    from esper.sweep.sweep import report_to_json

    reports = sweep.reports()
    if csv is not None:
        csv.write_text(reports_to_csv(order, reports), encoding="utf-8")
    if as_json:
        for report in reports:
            sys.stdout.write(report_to_json(report) + "\n")
        return
    if not reports:
        return
    console = PlainConsole()
    console.print(trials_table(order, reports))
    importances = sweep.importances()
    if importances:
        console.print(importance_line(importances), soft_wrap=True)
    best = best_line(reports, config.run.preset)
    if best is not None:
        console.print(f"The best: {best}", soft_wrap=True)
