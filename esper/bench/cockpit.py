"""`esper bench cockpit`: what the cockpit costs the training that it shows.

Each repeat trains the same run twice, one process after the other: headless, and in the cockpit on a pseudo-terminal of
140x50 cells, with one of its screens in front. Which of the two goes first changes from repeat to repeat.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import torch

from esper.bench.terminal_run import MeasuredRun, Terminal, train_measured
from esper.bench.timing import Comparison, spread

SIZE: Final = (140, 50)
ENVS: Final = 16
ROUNDS: Final = 2
EPOCHS: Final = 12
CASE: Final = f"cockpit-{SIZE[0]}x{SIZE[1]}-E{ENVS}"
AGGREGATOR: Final = "aggregator"

SCREEN_KEYS: Final[dict[str, bytes]] = {
    CASE: b"",
    f"{CASE}-policy": b"2",
    f"{CASE}-runs": b"3",
    f"{CASE}-attribution": b"4",
    f"{CASE}-events": b"5",
    f"{CASE}-system": b"6",
    f"{CASE}-detail": b"\r",
}
"""What is typed to bring up the screen of a case."""

CASES: Final = (*SCREEN_KEYS, AGGREGATOR)

SCREEN_TARGET_PERCENT: Final = 8.0
"""How much of a core the screen may take at four pictures a second."""

EVENTS_TARGET: Final = 20_000.0
"""How many events the cockpit must be able to take in per second."""

PROFILE: Final = ("--preset", "digits", "--envs", str(ENVS), "--rounds", str(ROUNDS), "--episode-length", str(EPOCHS))

Pair = tuple[MeasuredRun, MeasuredRun]
"""The same run in the cockpit, and headless."""


def measure(name: str, device: torch.device, *, repeats: int) -> tuple[Comparison, ...]:
    """Measure one screen, or how fast the cockpit's figures take in events.

    A screen gives three figures: the speed of training, its CPU time, and the share of a core that the screen took.

    Raises:
        ConfigError: a run failed, or the system does not tell the CPU time of a process.
    """
    arguments = [*PROFILE, "--device", str(device), "--threads", str(torch.get_num_threads())]
    if name == AGGREGATOR:
        return (aggregator_figure(arguments, repeats=repeats),)
    terminal = Terminal(size=SIZE, keys=SCREEN_KEYS[name])
    pairs = [_pair(arguments, terminal, cockpit_first=bool(repeat % 2)) for repeat in range(repeats)]
    return screen_figures(name, pairs)


def _pair(arguments: Sequence[str], terminal: Terminal, *, cockpit_first: bool) -> Pair:
    if cockpit_first:
        shown = train_measured(arguments, terminal)
        return shown, train_measured(arguments, None)
    headless = train_measured(arguments, None)
    return train_measured(arguments, terminal), headless


def screen_figures(name: str, pairs: Sequence[Pair]) -> tuple[Comparison, ...]:
    """The figures of a screen, from as many pairs as there were repeats."""
    work = f"preset digits, {ENVS} envs, {ROUNDS} rounds of {EPOCHS} epochs; a pseudo-terminal of {SIZE[0]}x{SIZE[1]}"
    shares = [100.0 * (ours.cpu_seconds - theirs.cpu_seconds) / ours.seconds for ours, theirs in pairs]
    speeds = [(ours.env_epochs / ours.seconds, theirs.env_epochs / theirs.seconds) for ours, theirs in pairs]
    cpu = [
        (1e3 * ours.cpu_seconds / ours.env_epochs, 1e3 * theirs.cpu_seconds / theirs.env_epochs)
        for ours, theirs in pairs
    ]
    return (
        _figure(name, speeds, [ours / theirs for ours, theirs in speeds], "env-epochs/s", work),
        _figure(f"{name}-cpu", cpu, [theirs / ours for ours, theirs in cpu], "CPU ms per env-epoch", work),
        _figure(
            f"{name}-core",
            [(share, SCREEN_TARGET_PERCENT) for share in shares],
            [SCREEN_TARGET_PERCENT / max(share, 0.01) for share in shares],
            "% of a core",
            f"{work}; CPU time beyond that of the headless run, against the target",
        ),
    )


def aggregator_figure(arguments: Sequence[str], *, repeats: int) -> Comparison:
    """How many events of a recorded run the cockpit takes in per second, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "events.jsonl")
        train_measured(arguments, None, keep=log)
        command = [sys.executable, "-m", "esper_tui.reducer_speed", str(log), str(repeats)]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    rates = [(float(rate), EVENTS_TARGET) for rate in told]
    return _figure(
        AGGREGATOR,
        rates,
        [ours / theirs for ours, theirs in rates],
        "events/s",
        f"the events of preset digits, {ENVS} envs, {ROUNDS} rounds of {EPOCHS} epochs, against the target",
    )


def _figure(
    name: str, values: Sequence[tuple[float, float]], ratios: Sequence[float], unit: str, work: str
) -> Comparison:
    return Comparison(
        bench="cockpit",
        case=name,
        ours=median(ours for ours, _ in values),
        theirs=median(theirs for _, theirs in values),
        unit=unit,
        ratio=median(ratios),
        spread=spread(ratios),
        work=work,
    )
