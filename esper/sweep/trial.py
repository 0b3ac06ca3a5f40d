"""One trial of a sweep, in a process of its own: one run per seed with the settings that the study chose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from esper.checkpoints import train_recorded
from esper.contracts.randomness import derive_seed
from esper.errors import ConfigError, EsperError
from esper.history.presets import read_config_file, with_overrides
from esper.history.recording import open_recording
from esper.history.run_directory import CONFIG_FILE
from esper.history.run_lock import RunLock
from esper.sweep.records import SweepOrder, TrialReport
from esper.sweep.space import parse_space
from esper.sweep.study import counted, interrupt, open_study, reports, trial_folder
from esper.telemetry.events import BatchStats, EpochCompleted, Event, RunEnd
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper.workers import Workplace, WorkStoppedError

if TYPE_CHECKING:
    from optuna import Study, Trial


def play_trial(order: SweepOrder, workplace: Workplace) -> TrialReport | None:
    """Let the study choose settings, train with them, and tell it what came of that. None if it has trials enough.

    Raises:
        WorkStoppedError: the workplace's control asked for it; the settings are tried again when the sweep goes on.
        HistoryError, TelemetryWriteError: a run cannot be recorded.
    """
    import optuna

    base = read_config_file(order.folder / CONFIG_FILE)
    study = open_study(order.folder, prune=order.prune, warm_rounds=_warm_rounds(base))
    if counted(study) >= order.trials:
        return None
    trial = study.ask()
    # Asking draws nothing. Each trial has a random stream of its own, whatever process plays it.
    study.sampler = optuna.samplers.TPESampler(seed=derive_seed(base.run.seed, "sweep", trial.number) % 2**32)
    folder = trial_folder(order.folder, trial.number)
    folder.mkdir(exist_ok=True)
    lock = RunLock(folder)
    try:
        _Trial(study, trial, order, base, workplace).play()
    finally:
        lock.close()
    return reports(study)[trial.number]


def _warm_rounds(base: TrainingConfig) -> int:
    """A third of the first run: early rounds say little about how a run ends."""
    return base.run.rounds // 3


@dataclass(slots=True)
class _Trial:
    study: Study
    trial: Trial
    order: SweepOrder
    base: TrainingConfig
    workplace: Workplace

    def play(self) -> None:
        from optuna.trial import TrialState as OptunaState

        settings = [parameter.suggest(self.trial) for parameter in parse_space(self.base, self.order.searched)]
        self.trial.set_user_attr("settings", settings)
        try:
            config = with_overrides(self.base, settings)
            watches = self._play_seeds(config)
        except ConfigError as error:  # These settings do not fit together; others may.
            self.trial.set_user_attr("reason", str(error))
            self.study.tell(self.trial, state=OptunaState.FAIL)
            return
        except EsperError as error:
            self.trial.set_user_attr("reason", str(error))
            self.study.tell(self.trial, state=OptunaState.FAIL)
            raise
        except WorkStoppedError:
            interrupt(self.study, self.trial.number)
            raise
        self._tell(watches)

    def _play_seeds(self, config: TrainingConfig) -> list[_Watch]:
        watches: list[_Watch] = []
        runs: list[str] = []
        rounds = config.run.rounds
        for place in range(self.order.seeds):
            own = replace(config, run=replace(config.run, seed=config.run.seed + place))
            watch = _Watch(self.trial, self.workplace, steps_before=place * rounds, last_step=self.order.seeds * rounds)
            with open_recording(own, trial_folder(self.order.folder, self.trial.number)) as recording:
                runs.append(str(recording.directory.path))
                self.trial.set_user_attr("runs", runs)
                recording.hub.add_sink(watch)
                result = train_recorded([GroupSpec(config=own)], recording, watch.control, note=_ignore)
            watches.append(watch)
            if watch.pruned:
                break
            if result.end is not RunEnd.FINISHED:
                raise WorkStoppedError
        return watches

    def _tell(self, watches: list[_Watch]) -> None:
        from optuna.trial import TrialState as OptunaState

        ends = [watch.accuracy for watch in watches if watch.accuracy is not None]
        tests = [watch.test_accuracy for watch in watches if watch.test_accuracy is not None]
        self.trial.set_user_attr("by_seed", ends)
        if watches[-1].pruned:
            self.study.tell(self.trial, state=OptunaState.PRUNED)
            return
        if len(tests) == len(watches):
            self.trial.set_user_attr("test_accuracy", float(np.mean(tests)))
        self.study.tell(self.trial, float(np.mean(ends)))


class _Watch:
    """A sink that follows one run of a trial: it tells the study every round, and ends a run that lags behind.

    steps_before: the rounds of the trial's earlier runs.
    last_step: the rounds of a whole trial.
    control: the run's, through which it is ended.
    accuracy, test_accuracy: of the last complete round.
    """

    name = "sweep"
    critical = True

    def __init__(self, trial: Trial, workplace: Workplace, *, steps_before: int, last_step: int) -> None:
        self._trial = trial
        self._workplace = workplace
        self._steps_before = steps_before
        self._last_step = last_step
        self.control = RunControl()
        self.pruned = False
        self.accuracy: float | None = None
        self.test_accuracy: float | None = None

    def accept(self, event: Event) -> None:
        match event.payload:
            case EpochCompleted():
                self._workplace.advance(1)
                if self._workplace.control.stop_requested:
                    self.control.request_stop()
            case BatchStats() as stats:
                self.accuracy, self.test_accuracy = stats.rolling_avg_accuracy, stats.avg_test_accuracy
                step = self._steps_before + stats.batch
                self._trial.report(stats.rolling_avg_accuracy, step)
                if step < self._last_step and self._trial.should_prune():
                    self.pruned = True
                    self.control.request_stop_after_round()
            case _:
                pass

    def close(self) -> None:
        """Nothing is held back."""


_ignore: Callable[[str], object] = str
