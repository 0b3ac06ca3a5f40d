"""A sweep from its start, or from where it was interrupted, to its results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from esper.errors import ConfigError, HistoryError
from esper.history.group_settings import run_document
from esper.history.json_text import dump_json
from esper.history.presets import read_config_file
from esper.history.run_directory import CONFIG_FILE, make_unused
from esper.history.settings_file import write_settings
from esper.sweep.records import SweepOrder, TrialReport, TrialState
from esper.sweep.space import parse_space
from esper.sweep.study import check_optuna, counted, open_study, reports, save_order, saved_order, take_back_lost
from esper.sweep.trial import play_trial
from esper.training.config import TrainingConfig
from esper.workers import Workers

RESULTS_FILE: Final = "results.jsonl"


def new_sweep(
    base: TrainingConfig, searched: Sequence[str], runs_dir: Path, *, seeds: int, trials: int, prune: bool
) -> SweepOrder:
    """A sweep, checked, with a folder of its own in runs_dir.

    Raises:
        ConfigError: Optuna is missing, a number is too small, or a range does not fit its setting.
        HistoryError: the folder cannot be made.
    """
    check_optuna()
    for name, number in (("seeds", seeds), ("trials", trials)):
        if number < 1:
            raise ConfigError(f"the number of {name} is {number}: give 1 or more")
    parse_space(base, searched)
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        folder = make_unused(runs_dir, f"{stamp}-sweep-{base.run.preset}")
        write_settings(folder / CONFIG_FILE, run_document(base, ()))
    except OSError as error:
        raise HistoryError(f"no folder can be made in {runs_dir}: {error}") from error
    order = SweepOrder(folder=folder, searched=tuple(searched), seeds=seeds, trials=trials, prune=prune)
    save_order(open_study(folder, prune=prune, warm_rounds=0), order)
    return order


def resumed_sweep(folder: Path, *, trials: int | None) -> tuple[SweepOrder, TrainingConfig]:
    """A sweep that goes on, and the settings that its trials share.

    trials: how many there shall be in all; None leaves the number as it was.

    Raises:
        ConfigError: Optuna is missing, or the folder holds no sweep.
    """
    check_optuna()
    order = saved_order(folder)
    if trials is not None:
        order = replace(order, trials=trials)
        save_order(open_study(folder, prune=order.prune, warm_rounds=0), order)
    return order, read_config_file(folder / CONFIG_FILE)


class Sweep:
    """Plays the trials that a sweep still needs.

    again: how many trials of processes that are gone will be played again.
    before: how many trials there are already.
    """

    def __init__(self, order: SweepOrder) -> None:
        self._order = order
        self._study = open_study(order.folder, prune=order.prune, warm_rounds=0)
        self.again = take_back_lost(self._study, order.folder)
        self.before = counted(self._study)

    @property
    def missing(self) -> int:
        """The number of trials that the sweep still needs."""
        return max(0, self._order.trials - self.before)

    def run(
        self, workers: Workers, *, on_trial: Callable[[TrialReport], None], on_steps: Callable[[int], None]
    ) -> None:
        """Play them, as many at once as there are workers.

        Raises:
            WorkStoppedError: the workers were asked to stop.
            EsperError: a run could not be recorded, or a process died.
        """

        def tell(_place: int, report: TrialReport | None) -> None:
            if report is not None:
                on_trial(report)

        workers.run(play_trial, [self._order] * self.missing, on_done=tell, on_steps=on_steps)

    def reports(self) -> tuple[TrialReport, ...]:
        """Every trial that counts, the best first and those without a result last. results.jsonl then holds them."""
        found = [report for report in reports(self._study) if report.state is not TrialState.INTERRUPTED]
        found.sort(key=_rank)
        lines = "".join(report_to_json(report) + "\n" for report in found)
        (self._order.folder / RESULTS_FILE).write_text(lines, encoding="utf-8")
        return tuple(found)

    def importances(self) -> dict[str, float]:
        """How much each setting mattered, as parts of 1; empty with fewer than four finished trials."""
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        finished = [report for report in reports(self._study) if report.state is TrialState.FINISHED]
        if len(finished) < 4 or len({report.value for report in finished}) < 2:
            return {}
        return dict(get_param_importances(self._study, evaluator=PedAnovaImportanceEvaluator()))


def _rank(report: TrialReport) -> tuple[bool, float, int]:
    complete = report.state is TrialState.FINISHED
    return (not complete, 0.0 if report.value is None else -report.value, report.number)


def report_to_json(report: TrialReport) -> str:
    """The whole trial on one line, without the newline. What was not measured is null."""
    return dump_json(asdict(report))
