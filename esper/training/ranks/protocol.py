"""What the processes of a run, its ranks, tell one another. One process is the ordinary case, and pays nothing.

All ranks call the same methods in the same order. Each call therefore waits for the slowest rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from torch import Tensor, nn

from esper.errors import RankError

T = TypeVar("T")


class Ranks(Protocol):
    """The processes that train a run together, counted from 0. The first one keeps the record and meets the user."""

    @property
    def rank(self) -> int:
        """The number of this process."""
        ...

    @property
    def size(self) -> int:
        """The number of processes."""
        ...

    def sum(self, own: Tensor) -> Tensor:
        """The sum of every rank's tensor, with the same bits on each of them.

        A gradient passes to this rank's own tensor unchanged, so that the gradients of all ranks add up to the gradient
        of what is computed from the sum.
        """
        ...

    def max(self, own: Tensor) -> Tensor:
        """The largest of every rank's tensors, number by number. No gradient passes."""
        ...

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by its sum over the ranks, all in one message."""
        ...

    def gather(self, own: T) -> Sequence[T]:
        """Every rank's value, in the order of the ranks, on each of them."""
        ...

    def collect(self, own: T) -> Sequence[T]:
        """Every rank's value, in the order of the ranks, on the first one. The others receive nothing."""
        ...

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first rank makes, on every rank. The others make nothing."""
        ...


class SingleRank:
    """A run of one process: nothing is sent, and every sum is what this process has added up."""

    @property
    def rank(self) -> int:
        return 0

    @property
    def size(self) -> int:
        return 1

    def sum(self, own: Tensor) -> Tensor:
        return own

    def max(self, own: Tensor) -> Tensor:
        return own

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Do nothing: the gradients are complete."""

    def gather(self, own: T) -> Sequence[T]:
        return (own,)

    def collect(self, own: T) -> Sequence[T]:
        return (own,)

    def from_first(self, make: Callable[[], T]) -> T:
        return make()


SINGLE: Final = SingleRank()


def own_envs(ranks: Ranks, envs: int) -> range:
    """Which of a run's envs this rank trains.

    >>> list(own_envs(SINGLE, 3))
    [0, 1, 2]
    """
    return range(ranks.rank * envs // ranks.size, (ranks.rank + 1) * envs // ranks.size)


def first_alone(ranks: Ranks, make: Callable[[], T]) -> T:
    """What make returns on this rank. The first rank is done before the others begin, so that they find its files."""
    if ranks.rank > 0:
        ranks.gather(None)
        return make()
    made = make()
    ranks.gather(None)
    return made


def require_equal(ranks: Ranks, what: str, own: str) -> None:
    """Check that something has the same value on every rank.

    what: the subject of the message, for example "the data".

    Raises:
        RankError: it differs.
    """
    first, *others = ranks.gather(own)
    for rank, other in enumerate(others, start=1):
        if other != first:
            raise RankError(
                f"{what} of rank {rank} is {other}, and that of rank 0 is {first}: all ranks must run the same"
            )
