"""The command `esper picture`, which draws a screen of the cockpit into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def picture(
    path: Annotated[Path, typer.Argument(help="A run directory, or an events.jsonl, also of the original system.")],
    screen: Annotated[
        str, typer.Option(help="envs, policy, runs, attribution, events, system, or detail for one env.")
    ] = "envs",
    size: Annotated[str, typer.Option(metavar="COLUMNSxROWS", help="The size of the screen in cells.")] = "160x45",
    at: Annotated[
        str, typer.Option(metavar="MOMENT", help="end, a share of the recording as 50%, or the seq of an event.")
    ] = "end",
    env: Annotated[int | None, typer.Option(help="The env at the cursor.")] = None,
    theme: Annotated[str, typer.Option(help="A theme of the cockpit.")] = "esper-dark",
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The file; its name ends in .svg or .png.")
    ] = Path("esper.svg"),
) -> None:
    """Draw a moment of a saved run as the cockpit shows it, for people who do not use terminals."""
    from esper.cli.console.image_file import converter, write_image
    from esper.cli.console.original import opened
    from esper.contracts.registry import nearest
    from esper.errors import ConfigError
    from esper.history import read_events
    from esper_tui.picturing import SCREEN_NAMES, View, parse_moment, parse_size
    from esper_tui.picturing import picture as draw
    from esper_tui.themes import THEMES

    program = converter(out)
    themes = tuple(one.name for one in THEMES)
    for option, name, names in (("--screen", screen, SCREEN_NAMES), ("--theme", theme, themes)):
        if name not in names:
            raise ConfigError(f"{option} {name}: there is no such {option[2:]}; {nearest(name, names)}")
    view = View(screen=screen, size=parse_size(size), at=parse_moment(at), env_id=env, theme=theme)
    with opened(path) as (run, _):
        events = read_events(run)
    write_image(draw(events, str(path), view), out, program)
    print(out)
