"""Ablation: what is measured, and that sharing prefixes changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.fleet.ablation import (
    Choice,
    Configuration,
    ablation_configurations,
    evaluate_tree,
    evaluate_whole,
    slots_on,
)
from esper.fleet.banks import SeedBanks
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.forward import FleetNetwork
from esper.fleet.plan import make_plan
from esper.growth.blueprints.registry import build_seed
from esper.growth.config import HostConfig
from esper.growth.host import StackedCNNHost
from esper.growth.seed_module import plant

ON, OFF, FOSSIL = Choice.CURRENT, Choice.OFF, Choice.COMMITTED
NONE = (False, False, False)


def test_without_seeds_there_is_one_configuration() -> None:
    assert ablation_configurations([NONE, NONE], [NONE, NONE], ablation=True) == ((OFF, OFF, OFF),)


def test_every_active_slot_is_switched_off_alone_and_together() -> None:
    active = [(True, False, False), (True, False, True)]
    assert ablation_configurations(active, [NONE, NONE], ablation=True) == (
        (ON, OFF, ON),
        (OFF, OFF, ON),
        (ON, OFF, OFF),
        (OFF, OFF, OFF),
    )


def test_committed_is_measured_where_it_differs() -> None:
    active = [(True, True, False), (True, False, False)]
    committed = [(True, False, False), NONE]
    found = ablation_configurations(active, committed, ablation=True)
    assert (FOSSIL, OFF, OFF) in found
    everything = ablation_configurations(active, active, ablation=True)
    assert all(FOSSIL not in configuration for configuration in everything)


def test_without_ablation_only_the_network_as_it_is() -> None:
    assert ablation_configurations([(True, True, False)], [NONE], ablation=False) == ((ON, ON, OFF),)


def test_a_configuration_never_switches_on_an_inactive_slot() -> None:
    assert slots_on((ON, FOSSIL, OFF), (True, False, True), (False, True, True)) == (True, False, False)
    assert slots_on((ON, FOSSIL, OFF), (False, True, True), (False, True, True)) == (False, True, False)


class CountingHost(StackedCNNHost):
    """Counts segment runs."""

    runs = 0

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        self.runs += 1
        return super().run_segment(index, features)


@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_sharing_prefixes_equals_whole_passes_bitwise(algorithm: Any, controls: dict[str, Any]) -> None:
    config = HostConfig(base_channels=4, blocks=3)
    generators = [torch.Generator().manual_seed(row) for row in range(3)]
    host = CountingHost(config, input_shape=(1, 8, 8), num_classes=5, generators=generators, algorithm=algorithm)
    host.eval()
    network = FleetNetwork(host, config.slot_config(), algorithm)
    banks = SeedBanks(3, FleetConfig())
    for env, slot, kind in [(0, 0, "NORM"), (1, 0, "CONV_LIGHT"), (2, 0, "CONV_LIGHT"), (0, 1, "DEPTHWISE")] + [
        (env, 2, "ATTENTION") for env in range(3)
    ]:
        channels = config.slot_config().channels[slot]
        newborn = build_seed(
            Blueprint[kind], channels=channels, layer_scale=1.0, generators=[generators[env]], algorithm=algorithm
        )
        gated = (env, slot) == (0, 2)
        planted = plant(newborn, channels=channels, gated=gated, generators=[generators[env]])
        banks.add(env, slot, Blueprint[kind], planted)
    control_rows = [
        [controls["b"], controls["h"], replace(controls["f"], algorithm=AlphaAlgorithm.GATE)],
        [controls["f"], None, replace(controls["b"], algorithm=AlphaAlgorithm.MULTIPLY)],
        [controls["t"], None, controls["h"]],
    ]
    plan = make_plan(banks, control_rows, [True] * 3, torch.device("cpu"), "loop")
    configurations = ablation_configurations(plan.active, plan.committed, ablation=True)
    assert len(configurations) == 6
    x = torch.randn(3, 7, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    results: list[dict[Configuration, Tensor]] = []
    runs: list[int] = []
    for evaluate in (evaluate_tree, evaluate_whole):
        found: dict[Configuration, Tensor] = {}
        host.runs = 0
        with torch.no_grad():
            evaluate(network, plan, x, configurations, found.__setitem__)
        results.append(found)
        runs.append(host.runs)
    shared, whole = results
    assert shared.keys() == whole.keys() == set(configurations)
    assert all(torch.equal(shared[one], whole[one]) for one in configurations)
    assert len({float(logits.sum()) for logits in shared.values()}) == 6
    # Block 0 once; slot 0 is on, off or committed; behind these, slot 1 is on and off, on and off, and off.
    assert runs == [1 + 3 + 5, 3 * 6]


def test_every_mask_is_measured_once_and_main_is_the_network_as_it_is(
    scenario: Callable[..., Any], controls: dict[str, Any]
) -> None:
    made = scenario(range(3), "grouped")
    fleet: Fleet = made.fleet
    fleet.add_seed(0, 0, Blueprint.CONV_LIGHT, torch.Generator())
    fleet.add_seed(1, 0, Blueprint.CONV_LIGHT, torch.Generator())
    fleet.add_seed(1, 1, Blueprint.NORM, torch.Generator())
    fleet.set_controls(0, [controls["f"], None])
    fleet.set_controls(1, [controls["t"], controls["b"]])
    main = fleet.collect(None, fleet.evaluate(made.batches(3), ablation=False))
    full = fleet.collect(None, fleet.evaluate(made.batches(3), ablation=True))
    for env in range(3):
        masks = [one.slots_on for one in full[env].counterfactual.measurements]
        assert len(masks) == len(set(masks))
        assert full[env].val_loss == main[env].val_loss
        assert full[env].val_accuracy == main[env].val_accuracy
    first, second, third = (one.counterfactual for one in full)
    assert first.active == (True, False)
    assert first.committed == (True, False)
    assert first.committed_accuracy == first.main
    assert second.active == (False, True)
    assert second.contribution(0) is None
    assert second.contribution(1) is not None
    assert third.measurements[0].slots_on == (False, False)
    assert len(third.measurements) == 1
    assert full[0].train_loss is None
    assert full[0].host_grad_norm is None
