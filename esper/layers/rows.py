"""Rows of stacked modules: every parameter and buffer has the row as its first axis.

One place knows how to add, drop, read and write rows of any such module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def row_tensors(module: nn.Module) -> list[Tensor]:
    """All parameters, then all buffers, in a fixed order."""
    return [*module.parameters(), *module.buffers()]


def append_rows(module: nn.Module, other: nn.Module) -> None:
    """Add the rows of another module of the same build after this module's own."""
    added = dict(other.named_parameters()) | dict(other.named_buffers())
    _rebuild(module, lambda name, tensor: torch.cat([tensor, added[name]]))


def keep_rows(module: nn.Module, rows: Tensor) -> None:
    """Keep only these rows, in the order given.

    rows: a long tensor of row numbers.
    """
    _rebuild(module, lambda _, tensor: tensor.index_select(0, rows))


def read_row(module: nn.Module, row: int) -> Tensor:
    """A flat copy of everything that one row holds, parameters and buffers."""
    return torch.cat([tensor.detach()[row].reshape(-1) for tensor in row_tensors(module)])


def write_row(module: nn.Module, row: int, values: Tensor) -> None:
    """Put back the values that read_row returned."""
    tensors = row_tensors(module)
    sizes = [tensor[0].numel() for tensor in tensors]
    with torch.no_grad():
        for tensor, value in zip(tensors, torch.split(values, sizes), strict=True):
            tensor[row].copy_(value.view_as(tensor[row]))


def parameters_per_row(module: nn.Module) -> int:
    """The number of parameters of one row, without its buffers."""
    return sum(parameter[0].numel() for parameter in module.parameters())


def uniform_rows(shape: Sequence[int], bound: float, generators: Sequence[torch.Generator]) -> nn.Parameter:
    """A parameter [R, *shape], uniform between -bound and bound. Each row is drawn from its own CPU generator."""
    rows = [torch.empty(*shape).uniform_(-bound, bound, generator=generator) for generator in generators]
    return nn.Parameter(torch.stack(rows))


def normal_rows(shape: Sequence[int], standard_deviation: float, generators: Sequence[torch.Generator]) -> nn.Parameter:
    """A parameter [R, *shape], normal around 0. Each row is drawn from its own CPU generator."""
    rows = [torch.empty(*shape).normal_(0.0, standard_deviation, generator=generator) for generator in generators]
    return nn.Parameter(torch.stack(rows))


def constant_rows(rows: int, shape: Sequence[int], value: float) -> nn.Parameter:
    """A parameter [R, *shape] filled with one value."""
    return nn.Parameter(torch.full((rows, *shape), value))


def _rebuild(module: nn.Module, change: Callable[[str, Tensor], Tensor]) -> None:
    """Replace every parameter and buffer by what change returns for its full name and its values."""
    parameters = {name: nn.Parameter(change(name, old.detach())) for name, old in module.named_parameters()}
    buffers = {name: change(name, old) for name, old in module.named_buffers()}
    for name, tensor in (parameters | buffers).items():
        owner, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(owner), attribute, tensor)
