"""A slot as one native operation against the seeds' ordinary forward pass and blend, in double precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import AlphaAlgorithm, Blueprint, Topology
from esper.growth.blueprints.registry import build_seed
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.blending import BlendControls, blend_for_training, seed_input
from esper.growth.seeds.planted_seed import SeedModule, plant
from esper.growth.seeds.program import seed_program
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.program import BankProgram, SlotProgram

BLUEPRINTS = (
    Blueprint.NORM,
    Blueprint.ATTENTION,
    Blueprint.DEPTHWISE,
    Blueprint.BOTTLENECK,
    Blueprint.CONV_SMALL,
    Blueprint.CONV_LIGHT,
    Blueprint.CONV_HEAVY,
)
ROWS, BATCH, CHANNELS, SIDE = 3, 19, 8, 5


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def module(blueprint: Blueprint, algorithm: StackedAlgorithm, *, gated: bool, channels: int = CHANNELS) -> SeedModule:
    generators = [torch.Generator().manual_seed(row) for row in range(ROWS)]
    seed = build_seed(
        blueprint,
        channels=channels,
        layer_scale=0.5,
        generators=generators,
        algorithm=algorithm,
        topology=Topology.CNN,
    )
    return plant(seed, channels=channels, gated=gated, generators=generators)


def control(stage: str, algorithm: AlphaAlgorithm) -> SlotControl:
    training, fossilized = stage == "training", stage == "fossilized"
    return SlotControl(
        alpha=0.0 if training else 0.6,
        straight_through=training,
        isolate=not fossilized,
        frozen=False,
        committed=fossilized,
        algorithm=algorithm,
    )


def features(channels: int = CHANNELS) -> Tensor:
    return torch.randn(ROWS, BATCH, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(7)).relu()


def direction(channels: int = CHANNELS) -> Tensor:
    return torch.randn(ROWS, BATCH, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(8))


def expected(
    blueprint: Blueprint, controls: Sequence[SlotControl], channels: int = CHANNELS
) -> tuple[Tensor, Tensor, Tensor]:
    """Blended features, gradient of the host's features and of the seeds' parameters, by the loop algorithm."""
    gated = controls[0].algorithm is AlphaAlgorithm.GATE
    seeds, h = module(blueprint, "loop", gated=gated, channels=channels), features(channels).requires_grad_()
    blend = BlendControls(
        alpha_r1111=torch.tensor([one.alpha for one in controls]).view(-1, 1, 1, 1, 1),
        running=True,
        straight_through=torch.tensor([one.straight_through for one in controls]),
        isolate=torch.tensor([one.isolate for one in controls]),
        multiply=torch.tensor([one.algorithm is AlphaAlgorithm.MULTIPLY for one in controls]),
    )
    x = seed_input(h, blend.isolate)
    out = blend_for_training(h, x, seeds(x), blend)
    (out * direction(channels)).sum().backward()
    assert h.grad is not None
    rows = [p.grad.flatten(1) for p in seeds.parameters() if p.grad is not None]
    return out.detach(), h.grad, torch.cat(rows, dim=1)


def native_program(seeds: SeedModule, controls: Sequence[SlotControl | None]) -> BankProgram:
    program = seed_program(seeds, range(ROWS), controls)
    assert program is not None
    return program


@pytest.mark.parametrize("stage", ["training", "blending", "fossilized"])
@pytest.mark.parametrize("algorithm", list(AlphaAlgorithm))
@pytest.mark.parametrize("blueprint", BLUEPRINTS)
def test_program_and_blend_equal_the_ordinary_layers(
    blueprint: Blueprint, algorithm: AlphaAlgorithm, stage: str
) -> None:
    controls = [control(stage, algorithm)] * ROWS
    native = native_program(module(blueprint, "native", gated=algorithm is AlphaAlgorithm.GATE), controls)
    h = features().requires_grad_()
    out = SlotProgram([native], rows=ROWS)(h)
    (out * direction()).sum().backward()
    wanted, wanted_h, wanted_parameters = expected(blueprint, controls)
    torch.testing.assert_close(out.detach(), wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(h.grad, wanted_h, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(native.gradients_rp, wanted_parameters, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("blueprint", "channels"), [(Blueprint.CONV_HEAVY, 88), (Blueprint.ATTENTION, 520)])
def test_a_seed_with_too_many_parameters_for_a_register_each_is_right(blueprint: Blueprint, channels: int) -> None:
    controls = [control("blending", AlphaAlgorithm.GATE)] * ROWS
    native = native_program(module(blueprint, "native", gated=True, channels=channels), controls)
    assert native.gradients_rp.shape[1] > 131_072
    h = features(channels).requires_grad_()
    out = SlotProgram([native], rows=ROWS)(h)
    (out * direction(channels)).sum().backward()
    wanted, wanted_h, wanted_parameters = expected(blueprint, controls, channels)
    torch.testing.assert_close(out.detach(), wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(h.grad, wanted_h, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(native.gradients_rp, wanted_parameters, rtol=1e-8, atol=1e-9)


def test_rows_that_do_not_run_pass_unchanged_and_learn_nothing() -> None:
    controls = [control("blending", AlphaAlgorithm.ADD), None, control("fossilized", AlphaAlgorithm.MULTIPLY)]
    native = native_program(module(Blueprint.CONV_LIGHT, "native", gated=False), controls)
    h = features().requires_grad_()
    out = SlotProgram([native], rows=ROWS)(h)
    (out * direction()).sum().backward()
    assert h.grad is not None
    assert torch.equal(out[1], features()[1])
    assert torch.equal(h.grad[1], direction()[1])
    assert not torch.equal(out[0], features()[0])
    assert native.gradients_rp[1].abs().max() == 0
    assert native.gradients_rp[2].abs().max() > 0


def test_a_seed_that_has_diverged_leaves_the_host_alone_while_it_trains() -> None:
    controls = [control("training", AlphaAlgorithm.ADD)] * ROWS
    seeds = module(Blueprint.CONV_LIGHT, "native", gated=False)
    with torch.no_grad():
        seeds.seed.gamma[1] = torch.inf
    native = native_program(seeds, controls)
    h = features().requires_grad_()
    out = SlotProgram([native], rows=ROWS)(h)
    (out * direction()).sum().backward()
    assert torch.equal(out.detach(), features())
    assert h.grad is not None
    assert torch.equal(h.grad, direction())
    assert native.gradients_rp[[0, 2]].isfinite().all()
