"""Grown networks on the console: a table of those that a run kept, and one as a tree with its seeds."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from esper.growth.grown import GrownHost, GrownSeed
from esper.growth.hosts.kinds import injection_specs
from esper.history.codec import record_to_json
from esper.history.host_files import SavedHost


def print_json(hosts: Sequence[SavedHost]) -> None:
    """One JSON object per line, the best network first."""
    for host in hosts:
        print(record_to_json(host.description))


def hosts_table(hosts: Sequence[SavedHost]) -> Table:
    """A table with a row per network, the best first."""
    table = Table("network", "val %", "test %", "parameters", "x host", "mult-adds", "seeds", "group", box=None)
    for column in table.columns[:6]:
        column.no_wrap = True
    for column in table.columns[1:6]:
        column.justify = "right"
    for host in hosts:
        about = host.description
        table.add_row(
            Text(host.path.name),
            f"{about.validation_accuracy:.2f}",
            f"{about.test_accuracy:.2f}",
            f"{about.parameters:,}",
            f"{about.parameters / about.host_parameters:.2f}",
            f"{about.multiply_adds:,}",
            Text(", ".join(seed.blueprint.name.lower() for seed in about.seeds) or "none"),
            Text(about.group_id),
        )
    return table


def host_tree(saved: SavedHost) -> Tree:
    """A network from input to output, with the seed that grew after each segment."""
    about = saved.description
    shape = " x ".join(str(size) for size in about.input_shape)
    tree = Tree(
        Text(
            f"{saved.path.name}: {about.task}, {about.validation_accuracy:.2f} % validation, "
            f"{about.test_accuracy:.2f} % test, {about.parameters:,} parameters"
        )
    )
    tree.add(Text(f"input {shape}"))
    seeds = {seed.slot_id: seed for seed in about.seeds}
    for number, spec in enumerate(injection_specs(about.host)):
        segment = tree.add(Text(f"segment {number}: {_segment(about)}, {spec.width} channels"))
        seed = seeds.get(spec.slot_id)
        segment.add(Text(_seed(seed) if seed else f"{spec.slot_id}: nothing grew here", style="" if seed else "dim"))
    tree.add(Text(f"classifier: {about.num_classes} classes"))
    return tree


def _segment(about: GrownHost) -> str:
    return {"cnn": "convolution block", "transformer": "transformer layers"}.get(about.host.kind, about.host.kind)


def _seed(seed: GrownSeed) -> str:
    worth = "never measured" if seed.contribution is None else f"{seed.contribution:+.1f} points"
    gate = ", gated" if seed.gated else ""
    return (
        f"{seed.slot_id}: {seed.blueprint.name.lower()} ({seed.parameters:,} parameters), "
        f"{seed.algorithm.name.lower()} at alpha {seed.alpha:.2f}{gate}, {seed.stage.name.lower()}, "
        f"{seed.age} epochs old, contribution {worth}; born {seed.seed_id}"
    )
