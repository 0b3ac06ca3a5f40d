"""The study of a sweep: Optuna's journal in the folder, which several processes read and extend at once."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from esper.contracts.distribution import install_extra
from esper.errors import ConfigError
from esper.history.run_lock import is_locked
from esper.sweep.records import SweepOrder, TrialReport, TrialState

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

JOURNAL: Final = "study.log"
_NAME: Final = "sweep"
_AGAIN: Final = "again"
"""The attribute of a trial that repeats another one: the number of that."""
_WARM_TRIALS: Final = 4
"""How many trials must be complete before one can be pruned."""
_STATES: Final = {
    "COMPLETE": TrialState.FINISHED,
    "PRUNED": TrialState.PRUNED,
    "FAIL": TrialState.FAILED,
    "RUNNING": TrialState.RUNNING,
}


def check_optuna() -> None:
    """Make sure that Optuna is there.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"esper sweep needs optuna, which is not installed: {install_extra('sweep')}") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class _FileLock:
    """Optuna's lock around its journal, as one that the operating system releases when its owner dies in any way."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def acquire(self) -> bool:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


def open_study(folder: Path, *, prune: bool, warm_rounds: int) -> Study:
    """The study in a folder, which is begun if there is none.

    warm_rounds: in how many rounds of a trial nothing is pruned.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.storages.journal._file import BaseJournalFileLock  # It has no public name.

    check_optuna()
    lock = cast("BaseJournalFileLock", _FileLock(folder / f"{JOURNAL}.lock"))
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL), lock_obj=lock))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_WARM_TRIALS, n_warmup_steps=warm_rounds)
    return optuna.create_study(
        storage=storage,
        study_name=_NAME,
        direction="maximize",
        load_if_exists=True,
        pruner=pruner if prune else optuna.pruners.NopPruner(),
    )


def save_order(study: Study, order: SweepOrder) -> None:
    """Write down in the study what the sweep is, so that it can go on later."""
    study.set_user_attr("searched", list(order.searched))
    study.set_user_attr("seeds", order.seeds)
    study.set_user_attr("trials", order.trials)
    study.set_user_attr("prune", order.prune)


def saved_order(folder: Path) -> SweepOrder:
    """What the sweep in this folder is.

    Raises:
        ConfigError: there is none.
    """
    if not (folder / JOURNAL).is_file():
        raise ConfigError(f"{folder} is no sweep: it has no {JOURNAL}; give the folder that `esper sweep` named")
    known = open_study(folder, prune=False, warm_rounds=0).user_attrs
    return SweepOrder(
        folder=folder,
        searched=tuple(known["searched"]),
        seeds=known["seeds"],
        trials=known["trials"],
        prune=known["prune"],
    )


def trial_folder(folder: Path, number: int) -> Path:
    """Where the runs of a trial are. The process that plays the trial holds the lock in it."""
    return folder / f"trial-{number:03}"


def take_back_lost(study: Study, folder: Path) -> int:
    """Let the trials of processes that are gone be played again with the same settings; returns how many there are."""
    from optuna.trial import TrialState as OptunaState

    lost = [
        trial
        for trial in study.get_trials(deepcopy=False, states=[OptunaState.RUNNING])
        if not is_locked(trial_folder(folder, trial.number))
    ]
    for trial in lost:
        interrupt(study, trial.number)
    return len(lost)


def interrupt(study: Study, number: int) -> None:
    """End a trial without a result, and put its settings first in the queue."""
    from optuna.trial import TrialState as OptunaState

    trials = study.get_trials(deepcopy=False)
    if number not in _interrupted(trials):
        study.enqueue_trial(dict(trials[number].params), user_attrs={_AGAIN: number})
    study.tell(number, state=OptunaState.FAIL)


def _interrupted(trials: Sequence[FrozenTrial]) -> set[int]:
    """The trials whose settings were put into the queue again."""
    return {trial.user_attrs[_AGAIN] for trial in trials if _AGAIN in trial.user_attrs}


def counted(study: Study) -> int:
    """How many trials count: all that have a result or failed, and those that are being played."""
    return sum(report.state is not TrialState.INTERRUPTED for report in reports(study))


def reports(study: Study) -> tuple[TrialReport, ...]:
    """Every trial that was begun, in order."""
    from optuna.trial import TrialState as OptunaState

    trials = study.get_trials(deepcopy=False)
    interrupted = _interrupted(trials)
    begun = [trial for trial in trials if trial.state is not OptunaState.WAITING]
    return tuple(_report(trial, interrupted=trial.number in interrupted) for trial in begun)


def _report(trial: FrozenTrial, *, interrupted: bool) -> TrialReport:
    known = trial.user_attrs
    return TrialReport(
        number=trial.number,
        state=TrialState.INTERRUPTED if interrupted else _STATES[trial.state.name],
        value=trial.value,
        by_seed=tuple(known.get("by_seed", ())),
        test_accuracy=known.get("test_accuracy"),
        settings=tuple(known.get("settings", ())),
        runs=tuple(known.get("runs", ())),
        seconds=None if trial.duration is None else trial.duration.total_seconds(),
        reason=known.get("reason", ""),
    )
