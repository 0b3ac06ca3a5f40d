"""The command line. Commands import what they need only when they run, so that help and completion answer at once."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from esper.cli.commands import bench, check, new, presets
from esper.cli.commands.ab import ab
from esper.cli.commands.checkpoints import checkpoints
from esper.cli.commands.compare import compare
from esper.cli.commands.control import control
from esper.cli.commands.demo import demo
from esper.cli.commands.doctor import doctor
from esper.cli.commands.evaluate import evaluate
from esper.cli.commands.export import export
from esper.cli.commands.hosts import hosts
from esper.cli.commands.import_ import import_
from esper.cli.commands.note import note
from esper.cli.commands.picture import picture
from esper.cli.commands.query import query
from esper.cli.commands.repair import repair
from esper.cli.commands.replay import replay
from esper.cli.commands.report import report as report_command
from esper.cli.commands.runs import runs
from esper.cli.commands.search import search
from esper.cli.commands.settings import settings
from esper.cli.commands.stop import stop
from esper.cli.commands.sweep import sweep
from esper.cli.commands.train import train
from esper.cli.commands.watch import watch
from esper.cli.errors import INTERRUPTED, report, show_defect
from esper.cli.streams import BROKEN_PIPE, abandon, flush_streams, prepare_streams, say
from esper.errors import USER_MISTAKE, ConfigError
from esper.process.launch import find_launch, require_single

app = typer.Typer(
    name="esper",
    help="Grow neural networks while they train.",
    pretty_exceptions_enable=False,
)
app.command(context_settings={"allow_extra_args": True})(train)
app.command()(ab)
app.command()(replay)
app.command("import")(import_)
app.command()(repair)
app.command()(runs)
app.command()(note)
app.command()(watch)
app.command("report")(report_command)
app.command()(control)
app.command()(picture)
app.command()(stop)
app.command()(checkpoints)
app.command()(evaluate)
app.command()(sweep)
app.command()(search)
app.command()(demo)
app.command()(hosts)
app.command()(export)
app.add_typer(presets.app, name="presets")
app.add_typer(bench.app, name="bench")
app.add_typer(check.app, name="check")
app.add_typer(new.app, name="new")
app.command()(query)
app.command()(compare)
app.command()(settings)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from esper.contracts.distribution import package_version

        print(f"esper {package_version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def esper(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Grow neural networks while they train."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        return
    _check_working_directory()
    if context.invoked_subcommand != "train":
        launch = find_launch()
        if launch is not None and launch.rank > 0:  # The first rank says why.
            raise typer.Exit(USER_MISTAKE)
        require_single(launch, context.invoked_subcommand)


def _check_working_directory() -> None:
    """Refuse to work in a folder that was deleted, where libraries of torch end the process with words of their own."""
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError("the working directory was deleted: change to another one, as with `cd ~`") from error


def main() -> None:
    """The entry point. Exit codes: 0 success, 1 the run failed, 2 a mistake of the user, 130 interrupted."""
    prepare_streams()
    sys.excepthook = show_defect
    try:
        code: object = app(standalone_mode=False)
    except BrokenPipeError:  # the reader of the pipe has seen enough, as with `| head`
        abandon(sys.stdout)
        code = BROKEN_PIPE
    except SystemExit as error:  # typer ends the process itself when a pipe breaks, with the code of a failure
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        abandon(sys.__stdout__ or sys.stdout)
        code = BROKEN_PIPE
    except KeyboardInterrupt:
        say("esper: interrupted")
        code = INTERRUPTED
    except Exception as error:  # A plug-in may raise anything. What is a defect of Esper keeps its traceback.
        code = report(error)
        if code is None:
            raise
    sys.exit(flush_streams() or (code if isinstance(code, int) else 0))


if __name__ == "__main__":
    main()
