"""Trains as one of several processes that a launcher such as torchrun started."""

from __future__ import annotations

import sys

import typer

from esper.checkpoints import RankTask
from esper.cli.console.headless import exit_code_of
from esper.errors import RUN_FAILED, RankError, SkippedUpdatesError
from esper.plugins import load_plugins
from esper.process.launch import Launch
from esper.process.signals import stop_on_signals
from esper.training.ranks.process_group import ProcessGroupRanks
from esper.training.ranks.protocol import Ranks
from esper.training.run_control import RunControl
from esper.training.vectorized_trainer import RunHooks, VectorizedPPOTrainer


def join(launch: Launch, context: typer.Context) -> ProcessGroupRanks:
    """Meet the other processes. The command leaves them when it ends, however it ends.

    Raises:
        RankError: they cannot be reached.
    """
    ranks = ProcessGroupRanks(rank=launch.rank, size=launch.size, local_rank=launch.local_rank)

    def leave() -> None:
        ranks.close(done=isinstance(sys.exception(), typer.Exit | None))

    context.call_on_close(leave)
    return ranks


def follow(ranks: Ranks) -> int:
    """Train this rank's envs in whatever run the first rank begins. It prints and records nothing.

    Returns:
        The exit code.

    Raises:
        ConfigError, RankError: as train_groups.
    """
    control = RunControl()
    with stop_on_signals(control, patient=True) as signals:
        signals.speaks = False
        try:
            load_plugins(ranks.from_first(_plugins_come_from_the_first))
            task = ranks.from_first(_task_comes_from_the_first)
            hooks = RunHooks(control=control, start=task.start, ranks=ranks)
            trainer = VectorizedPPOTrainer(task.groups, hooks)
        except RankError:  # The first rank has refused what it was asked for, and has said why.
            return RUN_FAILED
        try:
            return exit_code_of(trainer.train().end, signals)
        except SkippedUpdatesError:  # The first rank says the same.
            return RUN_FAILED


def _plugins_come_from_the_first() -> tuple[str, ...]:
    raise AssertionError("only the first rank is asked")


def _task_comes_from_the_first() -> RankTask:
    raise AssertionError("only the first rank is asked")
