"""Both hosts through one protocol: injection points, segments, sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import Topology
from esper.errors import ConfigError
from esper.fleet.plain.modules import load_flat
from esper.fleet.plain.transformer import PlainTransformerHost
from esper.growth.hosts.config import HostConfig, InjectionPlace, TransformerConfig
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.growth.hosts.protocol import HostProtocol
from esper.growth.hosts.registry import build_host, check_host_fits
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import read_row

ALGORITHMS: tuple[StackedAlgorithm, ...] = ("grouped", "loop")
TINY = HostConfig(kind="transformer", transformer=TransformerConfig(width=8, heads=2, layers=4, segments=2))
CNN = HostConfig(base_channels=4, blocks=3, pool_layers=2)
BOTH = replace(CNN, injection="pre_and_post_pool")
CONTEXT, VOCABULARY = 6, 11


def build(config: HostConfig, algorithm: StackedAlgorithm = "grouped", rows: int = 2) -> HostProtocol:
    tokens = topology_of(config) is Topology.TRANSFORMER
    return build_host(
        config,
        input_shape=(CONTEXT,) if tokens else (1, 8, 8),
        num_classes=VOCABULARY,
        generators=[torch.Generator().manual_seed(row) for row in range(rows)],
        algorithm=algorithm,
    )


def text(rows: int = 2) -> Tensor:
    return torch.randint(VOCABULARY, (rows, 3, CONTEXT), generator=torch.Generator().manual_seed(1))


def run(host: HostProtocol, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits, and the features at every injection point."""
    points: list[Tensor] = []
    for segment in range(host.segments):
        x = host.run_segment(segment, x)
        points.append(x)
    return host.classify(x), points


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (CNN, [("r0c0", 4, 1 / 3), ("r0c1", 8, 2 / 3), ("r0c2", 16, 1.0)]),
        (BOTH, [("r0c0", 4, 0.2), ("r1c0", 4, 0.4), ("r0c1", 8, 0.6), ("r1c1", 8, 0.8), ("r0c2", 16, 1.0)]),
        (TINY, [("r0c0", 8, 0.5), ("r0c1", 8, 1.0)]),
    ],
    ids=["post_pool", "pre_and_post_pool", "transformer"],
)
def test_injection_points_come_in_the_order_of_execution(
    config: HostConfig, expected: list[tuple[str, int, float]]
) -> None:
    host = build(config)
    assert [(one.slot_id, one.width, one.position) for one in host.injection_specs] == expected
    _, points = run(host, text() if config is TINY else torch.randn(2, 3, 1, 8, 8))
    widths = [point.shape[-1] if config is TINY else point.shape[2] for point in points]
    assert widths == [width for _, width, _ in expected]


def test_slots_are_row_major_while_points_are_in_execution_order() -> None:
    assert slot_config(BOTH).slot_ids == ("r0c0", "r0c1", "r0c2", "r1c0", "r1c1")
    assert slot_config(BOTH).channels == (4, 8, 16, 4, 8)
    some = replace(BOTH, slots=("r0c1", "r1c0"))
    assert slot_config(some).channels == (8, 4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_points_before_a_pool_leave_the_host_as_it_was(algorithm: StackedAlgorithm) -> None:
    """Parameters and logits are the same; the features before a pool have twice the height of those after it."""
    x = torch.randn(2, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    once, both = build(CNN, algorithm), build(BOTH, algorithm)
    assert once.parameter_count == both.parameter_count
    assert torch.equal(read_row(once, 1), read_row(both, 1))
    logits, points = run(both, x)
    assert torch.equal(run(once, x)[0], logits)
    assert [point.shape[-1] for point in points] == [8, 4, 4, 2, 2]


def test_parameter_count_of_the_reference_transformer() -> None:
    shape = TransformerConfig(width=384, heads=6, layers=6, segments=3)
    host = build_host(
        HostConfig(kind="transformer", transformer=shape),
        input_shape=(256,),
        num_classes=50_257,
        generators=[torch.Generator()],
        algorithm="grouped",
    )
    assert host.parameter_count == 30_044_544


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_row_equals_the_plain_transformer(algorithm: StackedAlgorithm) -> None:
    host = build(TINY, algorithm)
    logits, _ = run(host, text())
    assert logits.shape == (2, 3, CONTEXT, VOCABULARY)
    for row in range(2):
        plain = PlainTransformerHost(TINY.transformer, context=CONTEXT, vocabulary=VOCABULARY)
        load_flat(plain, read_row(host, row))
        x = plain.run_segment(1, plain.run_segment(0, text()[row]))
        torch.testing.assert_close(logits[row], plain.classify(x), rtol=1e-4, atol=1e-5)


def test_the_transformer_never_looks_ahead_but_looks_back() -> None:
    host = build(TINY)
    changed = text()
    changed[..., 3] = (changed[..., 3] + 1) % VOCABULARY
    before, after = run(host, text())[0], run(host, changed)[0]
    torch.testing.assert_close(before[:, :, :3], after[:, :, :3], rtol=0, atol=1e-6)
    assert (before[:, :, 5] - after[:, :, 5]).abs().max() > 1e-6


def test_a_context_may_be_shorter_than_the_longest() -> None:
    host = build(TINY)
    torch.testing.assert_close(run(host, text()[..., :4])[0], run(host, text())[0][:, :, :4], rtol=1e-5, atol=1e-6)


def test_the_head_is_tied_to_the_embedding() -> None:
    host = build(TINY)
    assert len([p for p in host.parameters() if VOCABULARY in p.shape]) == 1


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"width": 10, "heads": 4}, r"host\.transformer\.heads is 4: it must divide host\.transformer\.width \(10\)"),
        ({"layers": 4, "segments": 3}, r"host\.transformer\.segments is 3: it must divide .*layers \(4\)"),
        ({"width": 0}, r"host\.transformer\.width"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TransformerConfig(**shape)


def test_a_slot_that_the_host_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="'r1c2': this host has r0c0, r1c0, r0c1, r1c1, r0c2"):
        slot_config(replace(BOTH, slots=("r1c2",)))


def test_host_and_task_that_do_not_fit_are_one_error_with_both_names() -> None:
    check_host_fits(CNN, (3, 32, 32), "digits", batch_size=64)
    check_host_fits(TINY, (64,), "text", batch_size=1)
    with pytest.raises(ConfigError, match=r"host\.kind is 'cnn'.*task\.name is 'text'.*\(64,\).*kind to transformer"):
        check_host_fits(CNN, (64,), "text", batch_size=64)
    with pytest.raises(ConfigError, match=r"host\.kind is 'transformer'.*task\.name is 'digits'.*kind to cnn"):
        check_host_fits(TINY, (1, 8, 8), "digits", batch_size=64)


@pytest.mark.parametrize("injection", ["post_pool", "pre_and_post_pool"])
@pytest.mark.parametrize(("side", "blocks", "pool_layers"), [(8, 4, 3), (8, 3, 3), (1, 1, 0), (2, 2, 1), (9, 5, 3)])
def test_a_minibatch_is_refused_exactly_where_torch_cannot_normalise_it(
    side: int, blocks: int, pool_layers: int, injection: InjectionPlace
) -> None:
    """The twin is torch itself: its batch normalisation raises on a single value per channel."""
    config = HostConfig(base_channels=1, blocks=blocks, pool_layers=pool_layers, injection=injection)
    shape = (1, side, side)
    host = build_host(
        config, input_shape=shape, num_classes=2, generators=[torch.Generator().manual_seed(0)], algorithm="grouped"
    )
    check_host_fits(config, shape, "any", batch_size=2)
    try:
        features = torch.zeros(1, 1, *shape)
        for index in range(len(host.injection_specs)):
            features = host.run_segment(index, features)
    except ValueError:
        with pytest.raises(ConfigError, match=r"fleet\.batch_size is 1: it must be at least 2"):
            check_host_fits(config, shape, "any", batch_size=1)
    else:
        check_host_fits(config, shape, "any", batch_size=1)
