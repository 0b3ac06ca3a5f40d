"""esper bench"""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Time Esper against the plain way of doing the same work.", invoke_without_command=True)


@app.callback()
def bench(context: typer.Context) -> None:
    """Without a name: run every benchmark with its default options."""
    if context.invoked_subcommand is None:
        fleet()


@app.command()
def fleet(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per case and line.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:0.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads of torch; 0 leaves torch's choice.")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs of each side; medians are reported.")] = 5,
) -> None:
    """E hosts as one tensor program against E plain training loops: forward, backward, clip and step."""
    import json
    from dataclasses import asdict

    import torch
    from rich.console import Console

    from esper.bench.fleet import run
    from esper.bench.timing import Comparison
    from esper.training.device import resolve_device

    resolved = resolve_device(device)
    if threads:
        torch.set_num_threads(threads)
    console = Console(stderr=as_json)
    results: list[Comparison] = []
    with console.status("timing the first case", spinner="line") as status:
        for result in run(resolved, repeats=repeats):
            results.append(result)
            status.update(f"timed {result.case}, {result.ratio:.2f}x")
            if as_json:
                print(json.dumps(asdict(result)), flush=True)
    if not as_json:
        from esper.cli.bench_table import comparison_table

        console.print(comparison_table("fleet against loop", "fleet", "loop", results))
        console.print(f"torch {torch.__version__}, {resolved}, {torch.get_num_threads()} threads", highlight=False)
