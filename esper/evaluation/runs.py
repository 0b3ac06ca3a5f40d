"""One recorded run of an evaluation: one seed, one controller, one batch of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from esper.evaluation.collector import EpisodeCollector
from esper.evaluation.records import Episode
from esper.history.recording import open_recording
from esper.telemetry.events import RunEnd
from esper.telemetry.hub import Sink
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import ControllerFactory
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized


class EvaluationStoppedError(Exception):
    """Somebody asked the evaluation to stop. What was recorded until then stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRun:
    """A finished run.

    path: its run directory.
    """

    path: Path
    episodes: tuple[Episode, ...]


def run_once(
    config: TrainingConfig,
    folder: Path,
    *,
    make: ControllerFactory,
    control: RunControl,
    sinks: Sequence[Sink] = (),
) -> EvaluationRun:
    """Play one batch, and record it in a run directory of its own inside folder.

    sinks: further sinks for the events.

    Raises:
        EvaluationStoppedError: control asked for it.
        ConfigError, HistoryError, TelemetryWriteError: as in train_groups.
    """
    collector = EpisodeCollector(config.run.seed)
    with open_recording(config, folder) as recording:
        for sink in (collector, *sinks):
            recording.hub.add_sink(sink)
        result = train_ppo_vectorized(
            config,
            RunHooks(
                hub=recording.hub,
                run_id=recording.run_id,
                control=control,
                on_summary=recording.on_summary,
                make_controller=make,
            ),
        )
    if result.end is not RunEnd.FINISHED:
        raise EvaluationStoppedError
    return EvaluationRun(path=recording.directory.path, episodes=tuple(collector.episodes))
