"""One setting says from which contribution committing a seed is worth something: gate, reward and count follow it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import inputs, seed, slot

from esper.contracts.actions import Op
from esper.contracts.stages import SeedStage
from esper.rewards.actions import committed_points


@pytest.mark.parametrize(("threshold", "commits"), [(1.0, True), (3.0, False)])
def test_the_reward_commits_from_the_threshold_on(threshold: float, commits: bool) -> None:
    held = slot(seed(SeedStage.HOLDING), contribution=2.0)
    step = inputs(held, action=Op.FOSSILIZE, acc_at_germination=10.0, total_contribution=2.0)
    assert (committed_points(replace(step, min_fossilize_contribution=threshold)) is not None) is commits
