"""The command `esper new`, which writes the first files of a part of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Write the first files of a part of your own: they work, and their tests pass.")


@app.callback()
def new() -> None:
    """Write the first files of a part of your own: they work, and their tests pass."""


@app.command()
def blueprint(
    name: Annotated[str, typer.Argument(help="The name of the blueprint, for example gated_conv.")],
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path("."),
) -> None:
    """Write NAME_blueprint.py with a seed of ordinary layers, and test_NAME_blueprint.py that checks it."""
    from esper.cli.streams import say
    from esper.skeletons import write_blueprint

    skeleton = write_blueprint(name, folder)
    for path in skeleton.files:
        print(path)
    say(f"Change build(), and then: esper check blueprints {name} --plugin {skeleton.module}")
    say(f"To train with it: esper train --plugin {skeleton.module}")
