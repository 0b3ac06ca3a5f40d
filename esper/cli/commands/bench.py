"""The command `esper bench`."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Time Esper against the plain way of doing the same work.", invoke_without_command=True)

Cases = Annotated[list[str] | None, typer.Option("--case", metavar="NAME", help="Run this case only. Repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per figure and line.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:0.")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads for torch; 0 leaves the choice to torch.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Timed runs of each side; medians are reported.")]
Sweep = Annotated[bool, typer.Option("--sweep", help="Also run more numbers of envs than the fixed cases have.")]


@app.callback()
def bench(
    context: typer.Context,
    case: Cases = None,
    as_json: AsJson = False,
    device: Device = "cpu",
    threads: Threads = 0,
    repeats: Repeats = None,
) -> None:
    """Run the fixed cases of every benchmark, or the cases that --case names, if no benchmark is named."""
    given = (case, as_json, device, threads, repeats) != (None, False, "cpu", 0, None)
    if context.invoked_subcommand is None:
        from esper.bench.suite import benchmarks_of
        from esper.cli.console.bench_run import run

        run(benchmarks_of(case or ()), as_json=as_json, device=device, threads=threads, repeats=repeats)
    elif given:
        raise typer.BadParameter(f"write options after the name: esper bench {context.invoked_subcommand} ...")


@app.command()
def fleet(
    case: Cases = None,
    as_json: AsJson = False,
    device: Device = "cpu",
    threads: Threads = 0,
    repeats: Repeats = None,
    sweep: Sweep = False,
) -> None:
    """Time E hosts as one tensor program against E plain training loops: forward, backward, clip and step."""
    _run("fleet", case, as_json, device, threads, repeats, sweep=sweep)


@app.command()
def ablation(
    case: Cases = None, as_json: AsJson = False, device: Device = "cpu", threads: Threads = 0, repeats: Repeats = None
) -> None:
    """Time the validation of all ablation configurations in one tree against a whole pass for each of them."""
    _run("ablation", case, as_json, device, threads, repeats)


@app.command()
def baseline(
    case: Cases = None, as_json: AsJson = False, device: Device = "cpu", threads: Threads = 0, repeats: Repeats = None
) -> None:
    """Time a whole run of five epochs in CIFAR's shape, with start-up and PPO update, against a plain loop."""
    _run("baseline", case, as_json, device, threads, repeats)


@app.command()
def update(
    case: Cases = None, as_json: AsJson = False, device: Device = "cpu", threads: Threads = 0, repeats: Repeats = None
) -> None:
    """Measure how much of a run's wall-clock time the PPO update takes."""
    _run("update", case, as_json, device, threads, repeats)


@app.command()
def scaling(
    case: Cases = None, as_json: AsJson = False, device: Device = "cpu", threads: Threads = 0, repeats: Repeats = None
) -> None:
    """Measure speed, peak memory and operator calls per step of E envs together, against E times one."""
    _run("scaling", case, as_json, device, threads, repeats)


@app.command()
def replay(
    case: Cases = None,
    as_json: AsJson = False,
    repeats: Repeats = None,
    events: Annotated[
        int, typer.Option(min=10_000, help="The length of the recording, which is made for the purpose.")
    ] = 1_000_000,
) -> None:
    """Measure how soon a long recording is shown, how soon any moment of it, how fast it is read, and its memory."""
    from dataclasses import replace
    from functools import partial

    from esper.bench.replay import measure
    from esper.bench.suite import BENCHMARKS, chosen_cases
    from esper.cli.console.bench_run import run

    benchmark = replace(BENCHMARKS["replay"], measure=partial(measure, events=events))
    cases = chosen_cases(benchmark, case or (), sweep=False)
    run([(benchmark, cases)], as_json=as_json, device="cpu", threads=0, repeats=repeats)


@app.command()
def cockpit(
    case: Cases = None, as_json: AsJson = False, device: Device = "cpu", threads: Threads = 0, repeats: Repeats = None
) -> None:
    """Measure what the cockpit costs the training that it shows, screen by screen, on a real pseudo-terminal."""
    _run("cockpit", case, as_json, device, threads, repeats)


def _run(
    name: str,
    case: list[str] | None,
    as_json: bool,
    device: str,
    threads: int,
    repeats: int | None,
    *,
    sweep: bool = False,
) -> None:
    from esper.bench.suite import BENCHMARKS, chosen_cases
    from esper.cli.console.bench_run import run

    benchmark = BENCHMARKS[name]
    cases = chosen_cases(benchmark, case or (), sweep=sweep)
    run([(benchmark, cases)], as_json=as_json, device=device, threads=threads, repeats=repeats)
