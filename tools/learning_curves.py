"""Draws how several training runs of one preset learned: their mean accuracy per round, and a band from least to most.

Run `python tools/learning_curves.py runs/RUN... -o docs/learning.svg`; it needs matplotlib, as the extra "plot" does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # this checkout, whatever else is installed
from esper.history import read_history

Curves = NDArray[np.float64]


def curves(runs: Sequence[Path]) -> Curves:
    """The mean validation accuracy of every round, one row per run, as far as all runs have come."""
    rows = [[summary.avg_accuracy for summary in read_history(run)] for run in runs]
    rounds = min(len(row) for row in rows)
    return np.array([row[:rounds] for row in rows])


def draw(found: Curves, title: str, path: Path) -> None:
    """Draw one thin line per run, the mean of all, and the band between the least and the most."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    rounds = np.arange(1, found.shape[1] + 1)
    axes.fill_between(rounds, found.min(0), found.max(0), color="#1f6feb", alpha=0.15, linewidth=0)
    for row in found:
        axes.plot(rounds, row, color="#1f6feb", alpha=0.35, linewidth=0.8)
    axes.plot(rounds, found.mean(0), color="#1f6feb", linewidth=2)
    axes.set_title(title)
    axes.set_xlabel("round")
    axes.set_ylabel("validation accuracy, %")
    axes.grid(alpha=0.3)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "esper"}):
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the learning curves of several runs with a band.")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--title", default="")
    given = parser.parse_args()
    found = curves(given.runs)
    draw(
        found,
        given.title or f"{len(found)} training seeds: mean and whole band",
        given.output,
    )
    print(f"{given.output}: {found.shape[0]} runs of {found.shape[1]} rounds, last mean {found[:, -1].mean():.1f} %")


if __name__ == "__main__":
    main()
