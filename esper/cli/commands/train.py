"""The command `esper train`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from esper.cli import completion, run_options
from esper.process.launch import find_launch, require_single
from esper.process.signals import OnHangup
from esper.training.group_spec import GroupSpec

if TYPE_CHECKING:
    from esper.training.ranks.protocol import Ranks


class Hangup(StrEnum):
    """What a run does when its terminal goes away."""

    CONTINUE = "continue"
    STOP = "stop"


def train(
    context: typer.Context,
    preset: run_options.Preset = "digits",
    config_file: run_options.ConfigFile = None,
    overrides: run_options.Overrides = None,
    controller: Annotated[
        str | None,
        typer.Option(
            help="What decides: ppo, static, random, schedule, heuristic, hillclimb, or a plug-in's controller.",
            autocompletion=completion.controllers,
        ),
    ] = None,
    rounds: run_options.Rounds = None,
    envs: Annotated[int | None, typer.Option(help="The number of hosts that are trained side by side.")] = None,
    episode_length: run_options.EpisodeLength = None,
    seed: run_options.Seed = None,
    device: run_options.Device = None,
    devices: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE ...", help="Several devices that share the hosts, e.g. --devices cuda:0 cuda:1."),
    ] = None,
    threads: run_options.Threads = None,
    runs_dir: run_options.RunsDir = Path("runs"),
    plugins: run_options.Plugins = None,
    sinks: run_options.Sinks = None,
    no_tui: run_options.NoTui = False,
    read_only: run_options.ReadOnly = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(metavar="ROUNDS", help="Rounds between two checkpoints; 0 writes one only at the end."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Start from the policy of this run or checkpoint, or from the `shipped` one.",
        ),
    ] = None,
    on_hangup: Annotated[
        Hangup | None,
        typer.Option(
            help="When the terminal goes away: by default a run in the cockpit continues, one without it stops."
        ),
    ] = None,
    on_alert: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Run this shell command for every alert, with ESPER_ALERT and more set."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Train in the background; the terminal may be closed.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run from its latest checkpoint, or from the checkpoint whose folder is given.",
        ),
    ] = None,
) -> None:
    """Train a fleet of growing hosts and the controller that grows them.

    Under torchrun, several processes share the hosts (docs/scale.md).
    """
    launch = find_launch()
    if detach:
        require_single(launch, "train --detach")
        from esper.cli.console.background import train_in_background

        raise typer.Exit(train_in_background(sys.argv[1:]))
    ranks: Ranks | None = None
    if launch is not None:
        from esper.cli.console.ranked import follow, join

        ranks = join(launch, context)
        if ranks.rank > 0:
            raise typer.Exit(follow(ranks))
    if resume is not None:
        raise typer.Exit(
            resume_run(
                context,
                resume,
                {
                    "run.rounds": rounds,
                    "run.device": device,
                    "run.devices": _devices(context, devices or ()) or None,
                    "run.threads": threads,
                    "run.checkpoint_interval": checkpoint_every,
                    "run.sinks": sinks or None,
                },
                overrides or (),
                plugins or (),
                no_tui=no_tui,
                read_only=read_only,
                on_hangup=on_hangup,
                on_alert=on_alert,
                ranks=ranks,
            )
        )
    config = run_options.resolve(
        run_options.starting_point(context, preset, config_file),
        overrides,
        plugins,
        controller=controller,
        start=start,
        rounds=rounds,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        devices=_devices(context, devices or ()),
        threads=threads,
        checkpoint_every=checkpoint_every,
        sinks=sinks or (),
    )
    if config.controller.start:
        from esper.checkpoints import with_start

        config = with_start(config)
    run_options.prepare(config)
    if ranks is None and run_options.wants_cockpit(no_tui):
        from esper_tui import session

        raise typer.Exit(
            session.train(
                config,
                runs_dir,
                on_hangup=_on_hangup(on_hangup, "continue"),
                read_only=read_only,
                on_alert=on_alert,
            )
        )
    from esper.cli.console.headless import train_headless
    from esper.training.ranks.protocol import SINGLE

    raise typer.Exit(
        train_headless(
            config, runs_dir, on_hangup=_on_hangup(on_hangup, "stop"), on_alert=on_alert, ranks=ranks or SINGLE
        )
    )


def _on_hangup(given: Hangup | None, default: OnHangup) -> OnHangup:
    return default if given is None else given.value


_WITH_RESUME: Final = frozenset(
    {
        "resume",
        "rounds",
        "device",
        "devices",
        "threads",
        "checkpoint_every",
        "overrides",
        "plugins",
        "no_tui",
        "read_only",
        "sinks",
        "on_hangup",
        "on_alert",
        "detach",
    }
)


def resume_run(
    context: typer.Context,
    path: Path,
    options: Mapping[str, object],
    overrides: Sequence[str],
    plugins: Sequence[str],
    *,
    no_tui: bool,
    read_only: bool,
    on_hangup: Hangup | None,
    on_alert: str | None,
    ranks: Ranks | None,
) -> int:
    """Go on with a saved run, and return the exit code.

    options: the settings that have an option of their own, by key, with None for options that were not given.

    Raises:
        ConfigError: an option cannot change when a run goes on, or find_resume_point refuses something.
    """
    from esper.errors import ConfigError
    from esper.history.presets import parse_override
    from esper.history.resuming import find_resume_point
    from esper.plugins import load_plugins

    sources = {name: context.get_parameter_source(name) for name in context.params if name not in _WITH_RESUME}
    spelled = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    refused = [spelled[name] for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if refused:
        raise ConfigError(
            f"{', '.join(refused)} cannot be given with --resume: a run goes on with the settings that it began with"
        )
    load_plugins(plugins)
    changes = {key: value for key, value in options.items() if value is not None}
    changes |= dict(parse_override(text) for text in overrides)
    point = find_resume_point(path, changes, plugins=plugins)
    for spec in point.groups or (GroupSpec(config=point.config),):
        run_options.prepare(spec.config)
    report = None
    if len(point.groups) > 1:
        from esper.cli.console.ab_report import print_comparison

        report = partial(print_comparison, as_json=False)
    runs_dir = point.directory.path.parent
    if ranks is None and run_options.wants_cockpit(no_tui):
        from esper_tui import session

        return session.train(
            point.config,
            runs_dir,
            groups=point.groups,
            report=report,
            resume=point,
            on_hangup=_on_hangup(on_hangup, "continue"),
            read_only=read_only,
            on_alert=on_alert,
        )
    from esper.cli.console.headless import train_headless
    from esper.training.ranks.protocol import SINGLE

    return train_headless(
        point.config,
        runs_dir,
        groups=point.groups,
        report=report,
        resume=point,
        on_hangup=_on_hangup(on_hangup, "stop"),
        on_alert=on_alert,
        ranks=ranks or SINGLE,
    )


def _devices(context: typer.Context, named: Sequence[str]) -> list[str]:
    """The words after --devices. click takes only the first of them and leaves the others over.

    Commas separate them, too.

    Raises:
        ConfigError: words are left over that belong to no option.
    """
    if context.args and not named:
        from esper.errors import ConfigError

        raise ConfigError(f"there is no argument {context.args[0]!r}: `esper train --help` lists the options")
    return [name for words in (*named, *context.args) for name in words.split(",") if name]
