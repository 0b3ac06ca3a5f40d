"""Kernel launches depend on slots and blueprints in use, not on the number of envs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from esper.contracts.actions import Blueprint
from esper.fleet.fleet import Fleet


class CountingMode(TorchDispatchMode):
    """Counts every operator call, views included."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operator_calls(made: Any, controls: dict[str, Any]) -> tuple[int, int]:
    """Calls in one train step and in one ablation pass, with two blueprints in slot 0 and one in slot 1."""
    fleet: Fleet = made.fleet
    for env in range(fleet.rows - 1):
        kind = Blueprint.NORM if env % 2 else Blueprint.CONV_LIGHT
        fleet.add_seed(env, 0, kind, torch.Generator())
        fleet.add_seed(env, 1, Blueprint.ATTENTION, torch.Generator())
        fleet.set_controls(env, (controls["b" if env % 2 else "t"], controls["f" if env else "b"]))
    (batch,) = made.batches(0, count=1)
    fleet.train_epoch([batch])
    counts: list[int] = []
    for run in (lambda: fleet.train_epoch([batch]), lambda: fleet.evaluate([batch], ablation=True)):
        with CountingMode() as mode:
            run()
        counts.append(mode.calls)
    return counts[0], counts[1]


@pytest.mark.parametrize("algorithm", ["grouped", "native"])
def test_operator_calls_do_not_grow_with_the_fleet(
    scenario: Callable[..., Any], controls: dict[str, Any], algorithm: str
) -> None:
    few = operator_calls(scenario(range(4), algorithm), controls)
    many = operator_calls(scenario(range(16), algorithm), controls)
    assert few == many
    assert min(few) > 50
