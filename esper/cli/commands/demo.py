"""The command `esper demo`."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Print a summary instead of opening the cockpit.")] = False,
) -> None:
    """Watch the controller that comes with Esper grow two networks that it had never seen."""
    from esper.cli.commands.replay import replay
    from esper.evaluation.demo import DEMO_RUN

    replay(DEMO_RUN, no_tui=no_tui, json=False)
