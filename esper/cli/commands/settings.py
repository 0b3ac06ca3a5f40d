"""esper settings: everything that can be set."""

from __future__ import annotations

from typing import Annotated

import typer


def settings(
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY]", help="A key (ppo.clip_ratio), a table (ppo), or words to look for (learning rate)."
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Show the values of this preset beside the defaults.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per setting.")] = False,
) -> None:
    """Explain every setting: what it means, which values it may have, and its default."""
    from esper.history.explain import all_settings, find_settings
    from esper.history.json_text import dump_json
    from esper.history.presets import load_preset
    from esper.training.config import TrainingConfig

    found = all_settings(TrainingConfig() if preset is None else load_preset(preset))
    if query:
        found = find_settings(found, " ".join(query))
    if as_json:
        for one in found:
            print(dump_json(one.document()))
        return
    from esper.cli.console.settings_list import settings_list
    from esper.console import PlainConsole

    console = PlainConsole()
    console.print(settings_list(found, preset))
    console.print("Change one with `--set KEY=VALUE`, for example `esper train --set ppo.learning_rate=1e-4`.")
