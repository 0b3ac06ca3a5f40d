"""The command `esper check`, which checks that the parts of a fleet keep their promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from esper.cli import run_options

if TYPE_CHECKING:
    from rich.table import Table

    from esper.conformance.blueprints import BlueprintReport

app = typer.Typer(help="Check blueprints, controllers and rewards, Esper's and your own.", no_args_is_help=True)

Plugins = Annotated[
    list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
]


@app.callback()
def check() -> None:
    """Check blueprints, controllers and rewards, Esper's and your own."""


@app.command()
def blueprints(
    plugins: Plugins = None,
    channels: Annotated[int, typer.Option(min=1, help="The width of the features.")] = 16,
) -> None:
    """Check every registered blueprint. The exit code is 1 if one fails."""
    from esper.conformance.blueprints import check_blueprint
    from esper.console import PlainConsole
    from esper.growth.blueprints.registry import SEEDS
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    kinds = [(topology, blueprint) for topology, seeds in SEEDS.items() for blueprint in sorted(seeds)]
    reports = [check_blueprint(blueprint, topology=topology, channels=channels) for topology, blueprint in kinds]
    console = PlainConsole()
    console.print(blueprint_table(reports))
    failed = [report for report in reports if not report.passed]
    for report in failed:
        for failure in report.failures:
            console.print(
                f"{report.blueprint.name}: {failure.name}: {failure.found} (wanted: {failure.wanted})", style="red"
            )
    raise typer.Exit(1 if failed else 0)


@app.command()
def controllers(
    names: Annotated[list[str] | None, typer.Argument(help="Names; without one, every registered controller.")] = None,
    plugins: Plugins = None,
) -> None:
    """Let controllers grow tiny hosts, and check their decisions. The exit code is 1 if one fails."""
    from esper.conformance.controllers import check_controller
    from esper.plugins import load_plugins
    from esper.training.controllers.registry import list_controllers

    load_plugins(plugins or ())
    passed = True
    for name in names or [entry.name for entry in list_controllers()]:
        report = check_controller(name)
        print(report)
        passed = passed and report.passed
    raise typer.Exit(0 if passed else 1)


@app.command()
def reward(
    preset: run_options.Preset = "digits_impaired",
    seeds: Annotated[int, typer.Option(min=1, help="Batches of episodes per policy, from run.seed on.")] = 1,
    envs: Annotated[int | None, typer.Option(help="Episodes per policy and seed.")] = None,
    overrides: run_options.Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per reward and line.")] = False,
    plugins: Plugins = None,
) -> None:
    """Ask whether rewards rank policies by what their networks can do. The exit code is 1 if the preset's does not.

    Some forty scripted policies play the same hosts, good plans and plans that try to be paid for nothing, and every
    reward mode pays them for it. The preset's own mode passes with a rank correlation of 0.95 and 2 % inverted pairs.
    """
    config = run_options.resolve(
        preset, overrides, plugins, envs=envs, episode_length=None, seed=None, device=None, threads=None
    )
    run_options.prepare(config)
    from rich.console import Console

    from esper.cli.console.reward_check import modes_table, play, policies_table
    from esper.conformance.rewards import LOSS_FAMILY, report_to_json, reward_reports

    played, code = play(config, seeds)
    if code:
        raise typer.Exit(code)
    reports = reward_reports(played, config.reward)
    mode = LOSS_FAMILY if config.reward.family == "loss" else config.reward.mode
    own = next(report for report in reports if report.mode == mode)
    if as_json:
        print("\n".join(report_to_json(report) for report in reports))
    else:
        console = Console(highlight=False)
        console.print(policies_table(own))
        console.print(modes_table(reports, mode))
    raise typer.Exit(0 if own.passed else 1)


def blueprint_table(reports: Sequence[BlueprintReport]) -> Table:
    """A table with one row per blueprint. What was not measured shows as --."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title="Blueprints",
        caption="distance at birth; smallest and largest gradient norm under every blend; stacked against solo",
    )
    table.add_column("blueprint", no_wrap=True)
    table.add_column("host", no_wrap=True)
    for heading in ("params", "dis-\ntance", "least\ngrad", "most\ngrad", "vs\nsolo"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for report in reports:
        table.add_row(
            report.blueprint.name,
            str(report.topology),
            f"{report.parameters:,}",
            _number(report.distance_at_birth),
            _number(report.smallest_gradient),
            _number(report.largest_gradient),
            _number(report.stacked_difference),
            "passed" if report.passed else "[red]FAILED[/red]",
        )
    return table


def _number(value: float | None) -> str:
    return "--" if value is None else f"{value:.0e}"
