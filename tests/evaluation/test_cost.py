"""Parameters and FLOPs against counts made by hand, and the choice of a host by size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.evaluation import matching
from esper.evaluation.cost import CostMeter
from esper.evaluation.matching import nearest_host
from esper.evaluation.records import GrownSeed
from esper.history.presets import load_preset
from esper.tasks.registry import load_task
from esper.training.config import TrainingConfig

HOST_FLOPS = 2 * (64 * 1 * 4 + 16 * 4 * 8 + 8 * 10)
"""1x1 convolutions of 1 to 4 channels at 8x8 and of 4 to 8 at 4x4, and the classifier."""
HOST_PARAMETERS = (1 * 4 + 2 * 4) + (4 * 8 + 2 * 8) + (8 * 10 + 10)


@pytest.fixture(scope="module")
def meter() -> CostMeter:
    config = load_preset("digits_impaired")
    return CostMeter(config, load_task(config.task, config.run.seed))


def grown(blueprint: Blueprint, algorithm: AlphaAlgorithm = AlphaAlgorithm.ADD) -> GrownSeed:
    return GrownSeed(slot_id="r0c0", blueprint=blueprint, algorithm=algorithm)


def test_the_host_costs_what_it_must(meter: CostMeter) -> None:
    cost = meter.cost(())
    assert (cost.parameters, cost.flops) == (HOST_PARAMETERS, HOST_FLOPS)


def test_a_seed_adds_its_convolution(meter: CostMeter) -> None:
    added = meter.cost((grown(Blueprint.CONV_LIGHT),)).flops - HOST_FLOPS
    assert added == 2 * 16 * 4 * 4 * 9  # 3x3, four channels to four, at 4x4 behind the pool


def test_a_gate_is_part_of_the_network(meter: CostMeter) -> None:
    plain = meter.cost((grown(Blueprint.NORM),))
    gated = meter.cost((grown(Blueprint.NORM, AlphaAlgorithm.GATE),))
    assert gated.flops - plain.flops == 2 * (4 * 8 + 8 * 1)
    assert gated.parameters - plain.parameters == (4 * 8 + 8) + (8 * 1 + 1)


def test_attention_is_counted_by_its_definition() -> None:
    text = load_preset("text")
    host = replace(text.host, transformer=replace(text.host.transformer, width=16, heads=2, layers=2))
    data = load_task(text.task, text.run.seed)
    length, width, words = data.input_shape[0], 16, data.num_classes
    per_layer = 2 * length * (4 * width**2 + 8 * width**2) + 2 * (2 * length * length * width)
    found = CostMeter(text, data).cost((), host).flops
    assert found == 2 * per_layer + 2 * length * width * words


@pytest.mark.parametrize("wanted", [100, 150, 170, 300, 865, 900])
def test_the_nearest_host_is_the_nearest_of_all(meter: CostMeter, wanted: int) -> None:
    host = load_preset("digits_impaired").host
    found = nearest_host(host, wanted, meter)
    assert found is not None
    counts = {width: meter.cost((), replace(host, base_channels=width)).parameters for width in range(4, 24)}
    assert abs(found.parameters - wanted) == min(abs(count - wanted) for count in counts.values())
    assert (found.setting, counts[found.value]) == ("host.base_channels", found.parameters)
    assert found.host.base_channels == found.value


def test_a_transformer_grows_by_whole_heads() -> None:
    text = load_preset("text")
    meter = CostMeter(text, load_task(text.task, text.run.seed))
    own = text.host.transformer
    target = meter.cost((), replace(text.host, transformer=replace(own, width=own.width + 2 * own.heads))).parameters
    found = nearest_host(text.host, target, meter)
    assert found is not None
    assert (found.setting, found.value) == ("host.transformer.width", own.width + 2 * own.heads)


def test_hosts_without_a_known_size_have_no_match(meter: CostMeter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_sizes", lambda _: iter(()))
    assert nearest_host(TrainingConfig().host, 1000, meter) is None
