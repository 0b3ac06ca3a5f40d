"""A saved run as text: its facts, one row per round, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from esper.cli.console.formatting import NOT_MEASURED, number, percent
from esper.cli.console.run_ending import ending_text
from esper.console import PlainConsole
from esper.history import FileHeader, open_events
from esper.history.legacy.book import ORIGINAL
from esper.telemetry.events import BatchStats, Event, GroupStarted, Throughput, TrainingEnded, TrainingStarted


@dataclass(slots=True)
class RunOutline:
    """What the summary shows, gathered in one pass over the events.

    rounds: the rounds, each with its policy group.
    """

    started: TrainingStarted | None = None
    ended: TrainingEnded | None = None
    rounds: list[tuple[str, BatchStats]] = field(default_factory=list[tuple[str, BatchStats]])
    speeds: dict[int, Throughput] = field(default_factory=dict[int, Throughput])
    events: int = 0


def outline(events: Iterable[Event]) -> RunOutline:
    """Gather the outline of a run."""
    gathered = RunOutline()
    for event in events:
        gathered.events += 1
        match event.payload:
            case TrainingStarted() as started:
                gathered.started = started
            case TrainingEnded() as ended:
                gathered.ended = ended
            case BatchStats() as stats:
                gathered.rounds.append((event.group_id, stats))
            case Throughput() as speed:
                gathered.speeds[speed.batch] = speed
            case _:
                pass
    return gathered


def print_run_summary(path: Path) -> None:
    """Print a saved run to stdout.

    Raises:
        HistoryError: there is no run at path, or a line of it is wrong.
    """
    reader = open_events(path)
    gathered = outline(reader.lines())
    console = PlainConsole()
    console.print(_facts(reader.header, gathered))
    if gathered.rounds:
        console.print(_rounds_table(gathered))
    print(_ending(gathered))
    if reader.torn_tail:
        print("The file ends in an unfinished line, which was left out.")


def _facts(header: FileHeader, gathered: RunOutline) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("run", header.run_id)
    imported = header.package_version == ORIGINAL
    writer = "the original system" if imported else f"esper {header.package_version}"
    table.add_row("recorded", f"{header.created} by {writer}, {gathered.events:,} events")
    table.add_row("config", f"digest {header.config_digest[:12]}")
    started = gathered.started
    if started is not None:
        table.add_row("task", f"{started.task} (preset {started.preset}), seed {started.seed}")
        table.add_row(
            "fleet",
            f"{started.n_envs} hosts of {started.host_params:,} parameters, {started.max_epochs} epochs per episode, "
            f"slots {' '.join(started.slot_ids)}",
        )
        for group in started.groups:
            table.add_row("controller", f"{group.controller}{_group_name(group, started)}, reward {group.reward_mode}")
        table.add_row("device", ", ".join(_device(started)))
    return table


def _device(started: TrainingStarted) -> list[str]:
    """Where the run computed, and how, as far as it was recorded."""
    parts = [started.device]
    if started.threads is not None:
        parts.append(f"{started.threads} threads")
    if started.conv_algorithm is not None:
        parts.append(f"{started.conv_algorithm} convolution")
    return parts


def _group_name(group: GroupStarted, started: TrainingStarted) -> str:
    """The group's name and envs, or nothing in a run with a single group."""
    if len(started.groups) == 1:
        return ""
    return f" in group {group.group_id} (envs {min(group.env_ids)} to {max(group.env_ids)})"


def _rounds_table(gathered: RunOutline) -> Table:
    table = Table(caption="accuracies in percent; seeds: germinated/fossilised/pruned", caption_justify="left")
    several = len({group_id for group_id, _ in gathered.rounds}) > 1
    if several:
        table.add_column("group", no_wrap=True)
    for heading in ("round", "accuracy", "test", "best", "reward", "entropy", "seeds", "env-ep/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group_id, stats in gathered.rounds:
        speed = gathered.speeds.get(stats.batch)
        table.add_row(
            *([group_id] if several else []),
            str(stats.batch),
            percent(stats.avg_accuracy),
            percent(stats.avg_test_accuracy),
            percent(stats.best_accuracy),
            number(stats.avg_return),
            number(stats.entropy),
            f"{stats.seeds_created}/{stats.seeds_fossilized}/{stats.seeds_pruned}",
            NOT_MEASURED if speed is None else number(speed.env_epochs_per_second, 1),
        )
    return table


def _ending(gathered: RunOutline) -> str:
    if gathered.ended is None:
        return "The run has no end: it was cut off, or it is still running."
    return ending_text(gathered.ended)
