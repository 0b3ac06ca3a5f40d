"""How many of torch's operators a piece of work calls, including backward passes and views."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch.utils._python_dispatch import TorchDispatchMode

from esper.bench.timing import Work


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operator_calls(work: Work) -> int:
    """The number of calls that reach torch's dispatcher.

    Our own kernels (layers/native) do not reach it: they are one call per block or slot, whatever E is.
    """
    counter = _Counter()
    with counter:
        work()
    return counter.calls
