"""From options, as the command line and `esper.train` take them, to a configuration that can run.

Importing this module loads neither torch nor a task, so that help and completion answer at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.constants import AGENT_NAME
from esper.training.config import TrainingConfig


def resolve(
    preset: str | TrainingConfig,
    overrides: Sequence[str] | None,
    plugins: Sequence[str] | None,
    *,
    controller: str | None = None,
    decisions: str | None = None,
    start: str | None = None,
    rounds: int | None = None,
    envs: int | None = None,
    episode_length: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    devices: Sequence[str] = (),
    threads: int | None = None,
    checkpoint_every: int | None = None,
    sinks: Sequence[str] = (),
) -> TrainingConfig:
    """The configuration that the options ask for. An option that is None leaves the preset's value.

    Raises:
        ConfigError: there is no such preset, plug-in or key, or a value does not fit.
    """
    from esper.history.presets import resolve_config, with_overrides
    from esper.plugins import load_plugins

    load_plugins(plugins or ())
    options = {
        "controller.name": controller,
        "controller.decisions": decisions,
        "controller.start": start,
        "run.rounds": rounds,
        "run.seed": seed,
        "run.device": device or (devices[0] if devices else None),
        "run.devices": list(devices) or None,
        "run.threads": threads,
        "run.checkpoint_interval": checkpoint_every,
        "run.plugins": list(plugins or ()) or None,
        "run.sinks": list(sinks) or None,
        "fleet.envs": envs,
        "fleet.episode_length": episode_length,
    }
    given = {path: value for path, value in options.items() if value is not None}
    if isinstance(preset, TrainingConfig):
        return with_overrides(preset, overrides or (), given)
    return resolve_config(preset, overrides=overrides or (), values=given)


def prepare(config: TrainingConfig) -> None:
    """Make sure that device, controller, sinks and data are there, before the cockpit takes over the screen.

    A download shows its progress. Blueprints of plug-ins are tried.

    Raises:
        ConfigError: there is no such device, controller or sink, the data is not available, or a blueprint cannot grow.
    """
    check_sinks(config.run.sinks)
    if {config.run.device, *config.run.devices} != {
        "cpu"
    }:  # Loading torch takes seconds, so it is asked only if there is need.
        from esper.fleet.devices import resolve_device

        resolve_device(config.run.device)
        for name in config.run.devices:
            resolve_device(name, "run.devices")
    if config.controller.name != AGENT_NAME:
        from esper.training.controllers.registry import find_controller

        find_controller(config.controller.name)
    from esper.tasks.downloads import prepare

    prepare(config.task)
    _try_own_blueprints(config)


def _try_own_blueprints(config: TrainingConfig) -> None:
    """Let blueprints of plug-ins fail here and now. Esper's own are tried when the run begins."""
    from esper.growth.blueprints.catalogue import added_blueprints
    from esper.growth.hosts.kinds import topology_of

    if added_blueprints(topology_of(config.host)):
        from esper.fleet.threads import use_threads
        from esper.training.episode.world_maker import WorldMaker

        use_threads(config.run.threads)
        WorldMaker(config, groups=1)


def check_sinks(names: Sequence[str]) -> None:
    """Make sure that every sink can be made, before a run directory is.

    Raises:
        ConfigError: one cannot; the message offers the nearest names, or says what to install.
    """
    from esper.telemetry.sinks import check_sink

    for name in names:
        check_sink(name)
