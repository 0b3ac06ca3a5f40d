"""The kernels as other processors get them: shorter vectors, other tiles, the same values."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from esper.conformance.blueprints import check_blueprint
from esper.contracts.actions import Blueprint
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.registry import build_host
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native import build, calls

ROWS = 2
NEEDS = {"haswell": "avx2", "x86-64-v2": "sse4_2"}
VARIANTS = [("haswell", torch.float32, 8), ("haswell", torch.float64, 4), ("x86-64-v2", torch.float64, 2)]
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-11}


def forget_libraries() -> None:
    for cached in (build._library_or_reason, calls._function, calls.lanes):
        cached.cache_clear()


@pytest.fixture(params=VARIANTS, ids=lambda variant: f"{variant[0]}-{variant[1]}")
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[torch.dtype, int]]:
    """The type and the samples in a chunk. While it is in use, this processor counts as an older one."""
    target, dtype, lanes = request.param
    flags = build.processor().split()
    if platform.machine() != "x86_64" or NEEDS[target] not in flags:
        pytest.skip(f"this processor cannot run programs for {target}")
    monkeypatch.setenv("ESPER_MARCH", target)
    forget_libraries()
    torch.set_default_dtype(dtype)
    yield dtype, lanes
    torch.set_default_dtype(torch.float32)
    forget_libraries()


def trained(algorithm: StackedAlgorithm, batch: int) -> list[Tensor]:
    """Logits, gradients and running statistics of a host after one step."""
    host = build_host(
        HostConfig(base_channels=5, blocks=2),
        input_shape=(3, 7, 6),
        num_classes=4,
        generators=[torch.Generator().manual_seed(row) for row in range(ROWS)],
        algorithm=algorithm,
    )
    features = torch.randn(ROWS, batch, 3, 7, 6, generator=torch.Generator().manual_seed(9))
    for segment in range(host.segments):
        features = host.run_segment(segment, features)
    logits = host.classify(features)
    F.cross_entropy(logits.flatten(0, 1), torch.arange(ROWS * batch) % 4).backward()
    gradients = [parameter.grad for parameter in host.parameters() if parameter.grad is not None]
    return [logits.detach(), *gradients, *host.buffers()]


def test_a_chunk_holds_one_register_of_samples(variant: tuple[torch.dtype, int]) -> None:
    dtype, lanes = variant
    assert calls.lanes(dtype) == lanes


@pytest.mark.parametrize("batch", [2, 7, 16, 37])
def test_a_host_trains_as_by_the_loop(variant: tuple[torch.dtype, int], batch: int) -> None:
    tolerance = TOLERANCE[variant[0]]
    for mine, other in zip(trained("native", batch), trained("loop", batch), strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("blueprint", [Blueprint.ATTENTION, Blueprint.DEPTHWISE, Blueprint.CONV_HEAVY])
def test_seeds_compute_what_their_layers_do(blueprint: Blueprint) -> None:
    report = check_blueprint(blueprint, channels=8)
    assert "native = layers" in {check.name for check in report.checks}
    assert report.passed, str(report)
