"""`esper.train`: train into a run directory and return the run."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from esper.api.options import prepare, resolve
from esper.api.run import Run
from esper.checkpoints import train_recorded
from esper.errors import ConfigError
from esper.history.recording import Recording, open_recording
from esper.telemetry.hub import Sink
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper.training.vectorized_types import BatchSummary

OnRound = Callable[[BatchSummary], None]


def train(
    preset: str | TrainingConfig = "digits",
    *,
    set: Sequence[str] = (),
    plugins: Sequence[str] = (),
    controller: str | None = None,
    rounds: int | None = None,
    envs: int | None = None,
    episode_length: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    devices: Sequence[str] = (),
    threads: int | None = None,
    checkpoint_every: int | None = None,
    out: Path | str = "runs",
    sinks: Sequence[str | Sink] = (),
    on_round: OnRound | None = None,
    control: RunControl | None = None,
) -> Run:
    """Train a fleet of growing hosts and the controller that grows them, as `esper train` does without its screen.

    preset: the name of a preset, or a whole configuration.
    set: settings that differ from it, for example ["ppo.learning_rate=1e-4"].
    plugins: modules to import first, which register parts of your own.
    controller, rounds, envs, episode_length, seed, device, devices, threads, checkpoint_every: as on the command line;
        None leaves the value of the preset.
    out: the directory in which the directory of the run is made.
    sinks: names of registered sinks, or sinks, which receive every event and are closed at the end.
    on_round: called with the summary of every round, as soon as it is known.
    control: lets another thread pause or stop the run.

    Raises:
        ConfigError: there is no such preset, plug-in, setting, part, device or data, or a value does not fit.
        HistoryError: the run directory cannot be made.
        TelemetryWriteError: the record of the run could not be written.
        SkippedUpdatesError: the controller no longer learned.
    """
    config = resolve(
        preset,
        set,
        plugins,
        controller=controller,
        rounds=rounds,
        envs=envs,
        episode_length=episode_length,
        seed=seed,
        device=device,
        devices=devices,
        threads=threads,
        checkpoint_every=checkpoint_every,
        sinks=[sink for sink in sinks if isinstance(sink, str)],
    )
    prepare(config)
    own = [sink for sink in sinks if not isinstance(sink, str)]
    return _train(config, Path(out), own, on_round, control or RunControl())


def _train(
    config: TrainingConfig,
    out: Path,
    sinks: Sequence[Sink],
    on_round: OnRound | None,
    control: RunControl,
) -> Run:
    with ExitStack() as after_closing, open_recording(config, out, sinks=sinks) as recording:
        path = recording.directory.path
        try:
            train_recorded([GroupSpec(config=config)], _with_listener(recording, on_round), control, note=_warn)
        except ConfigError:
            if recording.hub.last_seq == 0:  # No event was written: leave nothing behind.
                after_closing.callback(shutil.rmtree, path)
            raise
    return Run(path)


def _warn(text: str) -> None:
    """Let a caller see, or filter, what the command line would print."""
    warnings.warn(text, RuntimeWarning, stacklevel=2)


def _with_listener(recording: Recording, on_round: OnRound | None) -> Recording:
    """The recording, whose summaries also go to on_round."""
    if on_round is None:
        return recording

    def both(summary: BatchSummary) -> None:
        recording.on_summary(summary)
        on_round(summary)

    return replace(recording, on_summary=both)
