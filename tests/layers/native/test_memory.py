"""The memory that kernels work in: bounded, given back, and an error when there is none."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from esper.layers.native.block import BatchNorm, native_block
from esper.layers.native.seed import native_conv2d

NO_MEMORY = """
import resource, torch
from esper.layers.native.seed import native_conv2d
from esper.layers.native.calls import KernelMemoryError

torch.set_num_threads(1)
weight = torch.ones(1, 4, 4, 3, 3)
native_conv2d(torch.ones(1, 1, 4, 8, 8), weight, 1)
x = torch.ones(1, 1, 4, 1500, 1500)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100 * 2**20, resource.RLIM_INFINITY))
try:
    native_conv2d(x, weight, 1)
except KernelMemoryError as error:
    assert isinstance(error, MemoryError)
    print(error)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(native_conv2d(x, weight, 1)[0, 0, 0, 1, 1].item())
"""
MOST_SUMS = 131_072


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
def test_too_little_memory_is_an_error_and_not_the_end_of_the_process() -> None:
    ran = subprocess.run([sys.executable, "-c", NO_MEMORY], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    message, value = ran.stdout.splitlines()
    assert message.startswith("there is not enough memory for a native kernel to work in: use a smaller ")
    assert value == "36.0"


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def assert_same_gradients(mine: Tensor, other: Tensor, leaves: list[Tensor]) -> None:
    """Compare two outputs, and the gradients that they send to the leaves."""
    direction = torch.randn(mine.shape, generator=torch.Generator().manual_seed(5), dtype=mine.dtype)
    torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)
    found = torch.autograd.grad((mine * direction).sum(), leaves)
    for gradient, wanted in zip(found, torch.autograd.grad((other * direction).sum(), leaves), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_made_in_portions_are_those_of_torch(groups: int) -> None:
    x, weight = normal(2, 5, 64, 3, 2, seed=1), normal(2, 260 * groups, 64 // groups, 3, 3, seed=2)
    assert weight[0].numel() > MOST_SUMS
    plain = torch.stack([F.conv2d(a, w, padding=1, groups=groups) for a, w in zip(x, weight, strict=True)])
    assert_same_gradients(native_conv2d(x, weight, groups), plain, [x, weight])


def test_a_wide_block_made_in_portions_is_that_of_torch() -> None:
    x, weight = normal(2, 5, 64, 4, 3, seed=1), normal(2, 260, 64, 3, 3, seed=2)
    assert weight[0].numel() > MOST_SUMS
    ones = torch.ones(2, 260, dtype=torch.float64)
    norm = BatchNorm(ones, ones * 0.1, ones.clone(), ones.clone(), 0.1, 1e-5)
    rows = [
        F.relu(F.max_pool2d(F.batch_norm(F.conv2d(a, w, padding=1), None, None, ones[0], ones[0] * 0.1, True), 2))
        for a, w in zip(x, weight, strict=True)
    ]
    assert_same_gradients(native_block(x, weight, norm, pooled=True, training=True), torch.stack(rows), [x, weight])


def test_a_wide_gradient_takes_far_less_memory_than_a_register_for_each_weight() -> None:
    x, weight = torch.ones(1, 2, 512, 2, 2), torch.ones(1, 512, 512, 3, 3).requires_grad_()
    y = native_conv2d(x, weight, 1).sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    y.backward()
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 24 * weight.numel()
