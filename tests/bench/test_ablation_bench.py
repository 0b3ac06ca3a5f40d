"""The ablation benchmark: both sides measure the same configurations of the same networks."""

from __future__ import annotations

import pytest
import torch

from esper.bench import ablation
from esper.bench.ablation import fleets_of_each_configuration
from esper.bench.cases import SHAPES, FleetCase
from esper.bench.growth import BLENDING
from esper.bench.sides import build_fleet, for_all, make_images

CPU = torch.device("cpu")
TINY = FleetCase(name="tiny", shape=SHAPES["digits-wide"], envs=2, seeded=True, steps=1)


def test_eight_whole_passes_measure_what_one_tree_does() -> None:
    batches = [for_all(make_images(TINY, CPU, count=40), TINY.envs)]
    grown = build_fleet(TINY, CPU, stages=(BLENDING,) * 3)
    tree = grown.collect(None, grown.evaluate(batches, ablation=True))
    whole = [
        fleet.collect(None, fleet.evaluate(batches, ablation=False))
        for fleet in fleets_of_each_configuration(TINY, CPU)
    ]
    for env in range(TINY.envs):
        found = {one.slots_on: one.accuracy for one in tree[env].counterfactual.measurements}
        assert found == {one[env].counterfactual.active: one[env].val_accuracy for one in whole}
        assert len(found) == 8


def test_less_time_is_a_larger_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ablation._BATCHES, "tiny", ("digits-small", (8,)))
    monkeypatch.setattr(ablation, "_ENVS", 1)
    monkeypatch.setattr(ablation, "_SLOTS", 2)
    (figure,) = ablation.measure("tiny", CPU, repeats=1)
    assert (figure.bench, figure.case, figure.unit) == ("ablation", "tiny", "ms")
    assert figure.ratio == pytest.approx(figure.theirs / figure.ours)
    assert "evaluation B 8, 4 configurations" in figure.work
