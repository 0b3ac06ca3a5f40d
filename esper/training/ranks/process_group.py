"""Ranks that are processes, on one machine or several, connected by torch.distributed.

What is not a tensor is pickled on its way, as torch.distributed does it. The processes of a run trust one another.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from esper.errors import RankError
from esper.training.ranks.heartbeat import Heartbeat, reason_of

T = TypeVar("T")

PATIENCE: Final = timedelta(minutes=30)
"""How long a rank waits for another that is alive. One may load data or measure while the others have nothing to do."""


class _SumOverRanks(torch.autograd.Function):
    """A sum whose gradient goes to the own part as it is."""

    @staticmethod
    def forward(ctx: object, own: Tensor) -> Tensor:
        total = own.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *grad_outputs: Tensor) -> Tensor:
        return grad_outputs[0]


class ProcessGroupRanks:
    """The ranks of torch.distributed's default group. Tensors travel with NCCL between GPUs and with gloo otherwise."""

    def __init__(self, *, rank: int, size: int, local_rank: int) -> None:
        """Connect to the other ranks, at the address that the launcher left in the environment, and wait for them.

        local_rank: the number among the processes of this machine, and so the number of the process's GPU.

        Raises:
            RankError: they cannot be reached.
        """
        self.rank = rank
        self.size = size
        gpus = torch.cuda.device_count()
        if local_rank < gpus:
            torch.cuda.set_device(local_rank)
        with self._contact():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if gpus else "gloo", rank=rank, world_size=size, timeout=PATIENCE
            )
            self._objects = cast("dist.ProcessGroup", dist.new_group(backend="gloo", timeout=PATIENCE))
            self._heartbeat = Heartbeat.of_launcher(rank=rank, size=size)

    def sum(self, own: Tensor) -> Tensor:
        with self._contact():
            return cast("Tensor", _SumOverRanks.apply(own))

    def max(self, own: Tensor) -> Tensor:
        largest = own.detach().clone()
        with self._contact():
            dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return largest

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with self._contact():
            dist.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def gather(self, own: T) -> Sequence[T]:
        found: list[T | None] = [None] * self.size
        with self._contact():
            dist.all_gather_object(found, own, group=self._objects)
        return cast("list[T]", found)

    def collect(self, own: T) -> Sequence[T]:
        found: list[T | None] = [None] * self.size if self.rank == 0 else []
        with self._contact():
            dist.gather_object(own, found or None, dst=0, group=self._objects)
        return cast("list[T]", found)

    def from_first(self, make: Callable[[], T]) -> T:
        held: list[T | None] = [make() if self.rank == 0 else None]
        with self._contact():
            dist.broadcast_object_list(held, src=0, group=self._objects)
        return cast("T", held[0])

    def close(self, *, done: bool) -> None:
        """Leave the group.

        done: whether the run has come to its end. If not, the others learn that this rank is missing.
        """
        self._heartbeat.stop(done=done)
        dist.destroy_process_group()

    @contextmanager
    def _contact(self) -> Generator[None]:
        """What torch reports about a connection, in one line.

        Raises:
            RankError: the other ranks cannot be reached.
        """
        try:
            yield
        except RuntimeError as error:
            raise RankError(
                f"the other ranks are lost, because one of them has ended or cannot be reached "
                f"({reason_of(error)}): start the job again with --resume RUN to go on from the last checkpoint"
            ) from error
