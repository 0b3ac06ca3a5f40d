"""Counting the multiplications and additions of what runs in a block of code."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

_FORMULAS = cast("dict[object, Callable[..., int]]", flop_registry)


@dataclass(slots=True)
class Flops:
    """total: the floating-point operations so far, where a multiplication and its addition are two."""

    total: int = 0


@contextmanager
def counted_flops() -> Generator[Flops]:
    """Count the operations of convolutions and of products of matrices, and of nothing else, while the block runs.

    The formulas are PyTorch's own. They do not know the fused attention of CPUs, so attention is computed by its
    definition here.
    """
    flops = Flops()
    with sdpa_kernel(SDPBackend.MATH), _Counting(flops):
        yield flops


class _Counting(TorchDispatchMode):
    """torch.utils.flop_counter.FlopCounterMode without the import of PyTorch's compiler, which takes two seconds."""

    def __init__(self, flops: Flops) -> None:
        super().__init__()
        self._flops = flops

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep PyTorch from wrapping __torch_dispatch__ in a function that imports the compiler at its first call."""
        return False

    # Any: PyTorch gives no public type to operators, and these are the arguments of whatever runs.
    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        named = kwargs or {}
        formula = _FORMULAS.get(func.overloadpacket)
        if formula is None:
            with self:  # What the operator consists of is counted.
                parts = func.decompose(*args, **named)
            return func(*args, **named) if parts is NotImplemented else parts
        result = func(*args, **named)
        self._flops.total += formula(*args, **named, out_val=result)
        return result
