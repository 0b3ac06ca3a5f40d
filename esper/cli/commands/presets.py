"""The command `esper presets`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()


@app.callback(invoke_without_command=True)
def presets(context: typer.Context) -> None:
    """List and show presets."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(name="list")
def list_() -> None:
    """List every preset, with what it is for."""
    from esper.history.presets import list_presets

    presets = list_presets()
    width = max(len(preset.name) for preset in presets)
    for preset in presets:
        print(f"{preset.name:{width}}  {preset.description}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of a preset.")]) -> None:
    """Print a preset as TOML, with every default filled in."""
    import tomli_w

    from esper.history.codec import config_to_mapping
    from esper.history.presets import find_preset, load_preset

    print(f"# {find_preset(name).description}")
    print(tomli_w.dumps(config_to_mapping(load_preset(name))), end="")
