"""Runs the audit of a reward with its progress on stderr, and shows what it found."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from esper.cli.console.bars import EpochBar
from esper.cli.console.formatting import NOT_MEASURED, number
from esper.cli.streams import say
from esper.conformance.rewards import PlayedScript, RewardCheckStoppedError, RewardReport, play_scripts, reward_reports
from esper.console import PlainConsole
from esper.growth.hosts.kinds import topology_of
from esper.policy.baselines.scripts import scripts
from esper.process.signals import stop_on_signals
from esper.rewards.config import RewardConfig
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl


def play(config: TrainingConfig, seeds: int) -> tuple[tuple[PlayedScript, ...], int]:
    """What became of every script, and the exit code: nothing and 130 after Ctrl-C."""
    control, progress = RunControl(), _bar(config, seeds)
    with stop_on_signals(control) as signals:
        try:
            return play_scripts(config, seeds=seeds, sinks=(progress,), control=control), 0
        except RewardCheckStoppedError:
            say("esper: stopped: nothing was compared")
            return (), signals.exit_code
        finally:
            progress.stop()


def _bar(config: TrainingConfig, seeds: int) -> EpochBar:
    """Say what is going to play, and begin to count it."""
    console, count = PlainConsole(stderr=True), len(scripts(topology_of(config.host)))
    episodes, epochs = seeds * config.fleet.envs, config.fleet.episode_length
    console.print(
        f"{config.run.preset}: {count} scripted policies, {episodes} episodes of {epochs} epochs each", highlight=False
    )
    return EpochBar(console, total=count * episodes * epochs)


def print_tables(found: Sequence[RewardReport], played: Sequence[PlayedScript], config: RewardConfig) -> None:
    """Print what each of these rewards pays, and how every reward ranks the same policies.

    config: the preset's own reward, whose weights the others take.
    """
    console = Console(highlight=False)
    for report in found:
        console.print(policies_table(report))
    console.print(modes_table(reward_reports(played, config), found[0].mode))


def modes_table(reports: Sequence[RewardReport], mode: str) -> Table:
    """One row per reward: how well it ranks, and whom it pays best.

    mode: the preset's own, which is marked.
    """
    table = _table(
        "Rewards",
        "rank: Spearman's correlation of return and test accuracy over the policies, minus what their size cost where "
        "it has a price; inverted: pairs more than 3 points apart in which the worse policy is paid better; test and "
        "params: of the policy that is paid best; *: the mode of this preset; "
        f"validation accuracy itself has the rank {_rank(reports[0].ceiling)}, and no reward sees the test split",
    )
    for heading in ("rank", "inverted"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("paid best", no_wrap=True)
    for heading in ("return", "test", "params"):
        table.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        best = report.paid[0]
        table.add_row(
            f"{report.mode} *" if report.mode == mode else report.mode,
            _rank(report.rank_correlation),
            NOT_MEASURED if report.inverted is None else f"{100 * report.inverted:.1f} %",
            best.name,
            number(best.returned, 1),
            number(best.test_accuracy, 1),
            number(best.parameters, 0),
        )
    return table


def policies_table(report: RewardReport) -> Table:
    """One row per scripted policy, best paid first."""
    table = _table(
        f"Policies, as {report.mode} pays them",
        "return: raw rewards summed over an episode; test: accuracy in percent; gain: points above the host that never "
        "grows; params: of the finished network; cost: their mean price in points, where size has one",
    )
    for heading in ("return", "test", "gain", "params", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    priced = any(item.cost for item in report.paid)
    for item in report.paid:
        table.add_row(
            item.name,
            number(item.returned, 1),
            number(item.test_accuracy, 1),
            f"{item.gain:+.1f}",
            number(item.parameters, 0),
            number(item.cost, 1) if priced else NOT_MEASURED,
        )
    return table


def _rank(correlation: float | None) -> str:
    return NOT_MEASURED if correlation is None else f"{correlation:.3f}"


def _table(title: str, caption: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, caption=caption, caption_justify="left")
    table.add_column("", no_wrap=True)
    return table
