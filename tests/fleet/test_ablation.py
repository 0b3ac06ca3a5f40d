"""Ablation: what is measured, and that sharing work changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.fleet import passes
from esper.fleet.ablation import ablation_masks
from esper.fleet.banks import SeedBanks
from esper.fleet.branches import Branch, plan_branches, run_branches, run_whole
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.forward import FleetNetwork
from esper.fleet.plan import FleetPlan, make_plan
from esper.growth.blueprints.registry import build_seed
from esper.growth.hosts.cnn import StackedCNNHost
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import slot_config
from esper.growth.seeds.planted_seed import plant

Mask = tuple[bool, ...]


def masks(*digits: str) -> set[Mask]:
    """Masks as digits: "101" has slots 0 and 2 on."""
    return {tuple(digit == "1" for digit in one) for one in digits}


def wanted(active: str, committed: str, strategy: Any) -> set[Mask]:
    (active_mask,), (committed_mask,) = masks(active), masks(committed)
    found = ablation_masks(active_mask, committed_mask, strategy)
    assert found[0] == active_mask, "the network as it is comes first"
    assert len(found) == len(set(found))
    return set(found)


def test_without_seeds_or_ablation_there_is_only_the_network_as_it_is() -> None:
    for strategy in ("contributions", "pairs", "full"):
        assert wanted("000", "000", strategy) == masks("000")
    assert wanted("110", "100", None) == masks("110")


def test_contributions_switch_each_seed_off_alone_and_all_together_and_the_uncommitted_ones() -> None:
    assert wanted("10110", "00000", "contributions") == masks("10110", "00110", "10010", "10100", "00000")
    assert wanted("11100", "10010", "contributions") == masks("11100", "01100", "10100", "11000", "00000", "10000")


def test_pairs_also_switch_each_seed_and_each_two_on() -> None:
    five = wanted("111110", "000000", "pairs")
    sizes = [sum(mask) for mask in five]
    assert {size: sizes.count(size) for size in set(sizes)} == {0: 1, 1: 5, 2: 10, 4: 5, 5: 1}


@given(
    active=st.lists(st.booleans(), min_size=1, max_size=6), committed=st.lists(st.booleans(), min_size=6, max_size=6)
)
def test_pairs_are_the_full_factorial_of_up_to_four_seeds(active: list[bool], committed: list[bool]) -> None:
    both = [
        set(ablation_masks(tuple(active), tuple(committed[: len(active)]), strategy)) for strategy in ("pairs", "full")
    ]
    assert len(both[1]) == 2 ** sum(active)
    assert both[0] <= both[1]
    assert (both[0] == both[1]) == (sum(active) <= 4)


class CountingHost(StackedCNNHost):
    """Counts the rows that run through each segment, and the runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows: list[int] = []

    def run_segment(self, index: int, features: Tensor) -> Tensor:
        self.rows.append(features.shape[0])
        return super().run_segment(index, features)


def garden(algorithm: Any, controls: dict[str, Any]) -> tuple[FleetNetwork, FleetPlan, CountingHost]:
    """Three envs with three slots: three, two and one active seeds, of all blends, gated and not, committed and not."""
    config = HostConfig(base_channels=4, blocks=3)
    generators = [torch.Generator().manual_seed(row) for row in range(3)]
    host = CountingHost(config, input_shape=(1, 8, 8), num_classes=5, generators=generators, algorithm=algorithm)
    host.eval()
    banks = SeedBanks(3, FleetConfig())
    for env, slot, kind in [(0, 0, "NORM"), (1, 0, "CONV_LIGHT"), (2, 0, "CONV_LIGHT"), (0, 1, "DEPTHWISE")] + [
        (env, 2, "ATTENTION") for env in range(3)
    ]:
        channels = slot_config(config).channels[slot]
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
    plan = make_plan(banks, control_rows, [True] * 3, torch.device("cpu"), algorithm)
    return FleetNetwork(host, slot_config(config), algorithm), plan, host


@pytest.mark.parametrize("algorithm", ["grouped", "loop", "native"])
def test_sharing_work_equals_whole_passes(algorithm: Any, controls: dict[str, Any]) -> None:
    """Up to rounding: torch's sigmoid rounds an element by its place in memory, and so by the number of rows."""
    network, plan, host = garden(algorithm, controls)
    masks_e = [ablation_masks(*env, "pairs") for env in zip(plan.active, plan.committed, strict=True)]
    x = torch.randn(3, 7, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        branches = plan_branches(network, plan, masks_e)
        shared = run_branches(network, branches, x)
        runs = host.rows.copy()
        whole = run_whole(network, plan, branches.branches, x)
    torch.testing.assert_close(shared, whole, rtol=1e-6, atol=1e-6)
    assert set(branches.branches) == {Branch(env, mask) for env, found in enumerate(masks_e) for mask in found}
    assert len(branches.branches) == 8 + 4 + 2
    assert len({float(logits.sum()) for logits in whole}) == 8 + 4 + 2
    # Every env once; behind slot 0 two envs are on and off there; behind slot 1 env 0 doubles again.
    assert runs == [3, 5, 7]


def test_envs_without_seeds_cost_nothing_more(controls: dict[str, Any]) -> None:
    network, plan, host = garden("loop", controls)
    x = torch.randn(3, 2, 1, 8, 8, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        branches = plan_branches(network, plan, [[mask] for mask in plan.active])
        logits = run_branches(network, branches, x)
        assert torch.equal(logits, network.logits(x, plan))
    assert host.rows == [3, 3, 3] * 2


@pytest.mark.parametrize("strategy", ["contributions", "pairs", "full"])
def test_what_an_evaluation_counts_is_what_its_twin_counts(controls: dict[str, Any], strategy: Any) -> None:
    from esper.layers.batch import Minibatch

    network, plan, _ = garden("loop", controls)
    generator = torch.Generator().manual_seed(5)
    batches = [
        Minibatch(torch.randn(3, size, 1, 8, 8, generator=generator), torch.randint(5, (3, size), generator=generator))
        for size in (9, 4)
    ]
    totals = passes.evaluate(network, plan, batches, ablation=strategy)
    assert totals.predictions == 13
    for number, branch in enumerate(totals.branches):
        with torch.no_grad():
            logits = [run_whole(network, plan, [branch], batch.inputs)[0] for batch in batches]
        targets = [batch.targets[branch.env] for batch in batches]
        correct = sum(int((one.argmax(-1) == labels).sum()) for one, labels in zip(logits, targets, strict=True))
        assert correct == int(totals.correct_v[number])
        if branch.slots_on == plan.active[branch.env]:
            losses = [
                torch.nn.functional.cross_entropy(one, labels, reduction="none").sum()
                for one, labels in zip(logits, targets, strict=True)
            ]
            assert float(totals.loss_e[branch.env]) == pytest.approx(float(sum(losses)), rel=1e-6)


def test_every_mask_is_measured_once_and_main_is_the_network_as_it_is(
    scenario: Callable[..., Any], controls: dict[str, Any]
) -> None:
    made = scenario(range(3), "grouped")
    fleet: Fleet = made.fleet
    fleet.add_seed(0, 0, Blueprint.CONV_LIGHT, torch.Generator())
    fleet.add_seed(0, 1, Blueprint.ATTENTION, torch.Generator())
    fleet.add_seed(1, 0, Blueprint.CONV_LIGHT, torch.Generator())
    fleet.add_seed(1, 1, Blueprint.NORM, torch.Generator())
    fleet.set_controls(0, [controls["f"], controls["b"]])
    fleet.set_controls(1, [controls["t"], controls["b"]])
    main = fleet.collect(None, fleet.evaluate(made.batches(3), ablation=False))
    full = fleet.collect(None, fleet.evaluate(made.batches(3), ablation=True))
    for env in range(3):
        found = [one.slots_on for one in full[env].counterfactual.measurements]
        assert len(found) == len(set(found))
        assert full[env].val_loss == main[env].val_loss
        assert full[env].val_accuracy == main[env].val_accuracy
    first, second, third = (one.counterfactual for one in full)
    assert {one.slots_on for one in first.measurements} == set(product((False, True), repeat=2))
    assert first.committed == (True, False)
    assert first.committed_accuracy == first.solo_on(0)
    assert first.interaction(0, 1) is not None
    assert first.is_full_factorial
    assert second.active == (False, True)
    assert second.contribution(0) is None
    assert second.shapley() == (None, second.contribution(1))
    assert third.measurements[0].slots_on == (False, False)
    assert len(third.measurements) == 1
    assert full[0].train_loss is None
    assert full[0].host_grad_norm is None
