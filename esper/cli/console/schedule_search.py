"""Runs a search over schedules with its progress on stderr, and shows what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
from rich import box
from rich.table import Table

from esper.cli.console.bars import EpochBar
from esper.cli.console.formatting import number
from esper.cli.streams import say
from esper.console import PlainConsole
from esper.evaluation.schedule_search import Candidate, SearchStoppedError, plan_rungs, search_schedules
from esper.policy.baselines.config import ScheduleConfig
from esper.process.signals import stop_on_signals
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl

SHOWN: Final = 8


def play(config: TrainingConfig, budget: int) -> tuple[tuple[Candidate, ...], int]:
    """The schedules, best first, and the exit code: nothing and 130 after Ctrl-C."""
    control, progress = RunControl(), _bar(config, budget)
    with stop_on_signals(control) as signals:
        try:
            return search_schedules(config, budget=budget, control=control, sinks=(progress,)), 0
        except SearchStoppedError:
            say("esper: stopped: nothing was compared")
            return (), signals.exit_code
        finally:
            progress.stop()


def _bar(config: TrainingConfig, budget: int) -> EpochBar:
    """Say what is going to play, and begin to count it."""
    console, epochs = PlainConsole(stderr=True), config.fleet.episode_length
    rungs = plan_rungs(budget, epochs)
    rounds = ", ".join(f"{rung.schedules} on {rung.hosts} hosts" for rung in rungs)
    console.print(f"{config.run.preset}: schedules that play in each round: {rounds}", highlight=False)
    return EpochBar(console, total=sum(rung.schedules * rung.hosts for rung in rungs) * epochs)


def candidates_table(candidates: Sequence[Candidate], *, priced: bool) -> Table:
    """The best schedules, one row each.

    priced: whether worth differs from accuracy.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"The best {min(SHOWN, len(candidates))} of {len(candidates)} schedules",
        caption="val: mean validation accuracy in percent; params: that were added; hosts: on which it was played"
        + ("; worth: val minus the price of the params" if priced else ""),
        caption_justify="left",
    )
    table.add_column("schedule")
    for heading in ("worth",) * priced + ("val", "params", "hosts"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in candidates[:SHOWN]:
        worth = (number(one.worth, 1),) * priced
        accuracy, added = float(np.mean(one.accuracies)), float(np.mean(one.added))
        table.add_row(_words(one.schedule), *worth, number(accuracy, 1), number(added, 0), str(len(one.worths)))
    return table


def settings_of(schedule: ScheduleConfig) -> tuple[str, ...]:
    """The schedule as options of the command line, which a shell takes as they are."""
    given = asdict(schedule)
    return tuple(f"--set 'controller.schedule.{key}={_toml(value)}'" for key, value in given.items())


def candidate_to_json(one: Candidate) -> str:
    """One schedule on one line, without the newline."""
    return json.dumps(
        {
            "schedule": asdict(one.schedule),
            "worth": one.worth,
            "validation_accuracy": float(np.mean(one.accuracies)),
            "parameters_added": float(np.mean(one.added)),
            "hosts": len(one.worths),
        }
    )


def _words(schedule: ScheduleConfig) -> str:
    """The schedule in words, for example "conv_heavy in r0c0 at 1; half, slow, held 5"."""
    if not schedule.germinate_epochs:
        return "never grows"
    seeds = zip(schedule.blueprints, schedule.slots, schedule.germinate_epochs, strict=True)
    planted = ", ".join(f"{kind} in {slot} at {epoch}" for kind, slot, epoch in seeds)
    return f"{planted}; {schedule.alpha_target}, {schedule.tempo}, held {schedule.hold_epochs}"


def _toml(value: object) -> str:
    return json.dumps(value)  # the words and lists of JSON are those of TOML
