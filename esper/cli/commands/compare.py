"""The command `esper compare`, which puts recorded runs side by side."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from esper.cli.completion import runs


class Figure(StrEnum):
    """What can be compared."""

    ACCURACY = "accuracy"
    TEST = "test"
    RETURN = "return"


def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.", autocompletion=runs)],
    measure: Annotated[
        Figure, typer.Option(help="Mean validation accuracy, test accuracy or return of a round's episodes.")
    ] = Figure.ACCURACY,
    points: Annotated[int, typer.Option(min=1, max=1000, help="The most numbers of env-epochs to compare at.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per band and number of env-epochs.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw the bands into this .svg, .png or .pdf file.")
    ] = None,
    plugins: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="MODULE", help="Import this module first. Repeatable.")
    ] = None,
) -> None:
    """Compare runs at equal numbers of env-epochs. Runs that differ only in their seed become one band."""
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    if plot is not None:
        from esper.evaluation.picture import check_can_draw

        check_can_draw(plot)
    from esper.cli.console.comparison import print_comparison, print_json
    from esper.evaluation.comparing import Measure, compare_runs

    comparison = compare_runs(paths, Measure(measure.value), points=points)
    if plot is not None:
        from esper.errors import ConfigError
        from esper.evaluation.comparison_picture import draw_comparison

        try:
            draw_comparison(comparison, plot)
        except OSError as error:
            raise ConfigError(f"{plot} cannot be written: {error.strerror or error}") from error
    if as_json:
        print_json(comparison)
    else:
        print_comparison(comparison)
