"""Runs benchmarks, displays what is being timed, and shows the figures."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from esper.bench.environment import environment
from esper.bench.suite import Benchmark
from esper.bench.timing import Comparison
from esper.cli.console.bench_table import comparison_table, json_line
from esper.console import PlainConsole
from esper.fleet.devices import resolve_device


def run(
    chosen: Sequence[tuple[Benchmark, tuple[str, ...]]],
    *,
    as_json: bool,
    device: str,
    threads: int,
    repeats: int | None,
) -> None:
    """Run these cases. With JSON, each line goes to stdout as soon as it is measured, and all else goes to stderr.

    Raises:
        ConfigError: there is no such device.
    """
    resolved = resolve_device(device)
    if threads:
        torch.set_num_threads(threads)
    console = PlainConsole(stderr=as_json)
    total = sum(len(cases) for _, cases in chosen)
    results: dict[str, list[Comparison]] = {}
    with _progress(console) as progress:
        task = progress.add_task("", total=total)
        for benchmark, cases in chosen:
            for case in cases:
                progress.update(task, description=f"{benchmark.name} {case}")
                for figure in benchmark.measure(case, resolved, repeats=repeats or benchmark.repeats):
                    results.setdefault(benchmark.name, []).append(figure)
                    if as_json:
                        print(json.dumps(json_line(figure)), flush=True)
                progress.advance(task)
    if not as_json:
        for benchmark, _ in chosen:
            console.print(comparison_table(benchmark, results[benchmark.name]))
    counts = sorted({repeats or benchmark.repeats for benchmark, _ in chosen})
    told = " or ".join(map(str, counts))
    console.print(f"{environment(resolved)}; medians of {told} interleaved repeats", highlight=False, soft_wrap=True)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
