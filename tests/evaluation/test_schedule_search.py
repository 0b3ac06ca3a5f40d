"""The search over schedules: what it may try, what it costs, that it repeats, and that it finds what is better."""

from __future__ import annotations

from itertools import pairwise

import pytest

from esper.errors import ConfigError
from esper.evaluation.schedule_search import draw_schedules, plan_rungs, search_schedules
from esper.history.presets import load_preset, with_overrides
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl

SHORT = ["run.threads=1", "fleet.episode_length=12", "fleet.steps_per_epoch=4", "growth.min_training_epochs=1"]


def config(*overrides: str) -> TrainingConfig:
    return with_overrides(load_preset("digits_dial"), [*SHORT, *overrides])


@pytest.mark.parametrize("budget", [400, 2_000, 16_000, 100_000])
def test_a_search_spends_its_budget_and_no_more_with_as_much_in_every_round(budget: int) -> None:
    rungs = plan_rungs(budget, 25)
    episodes = [rung.schedules * rung.hosts for rung in rungs]
    assert len(set(episodes)) == 1
    assert budget / 2 < sum(episodes) * 25 <= budget
    assert [rung.schedules for rung in rungs][-1] == 2
    assert all(one.schedules == 2 * two.schedules for one, two in pairwise(rungs))


def test_too_small_a_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a budget of 199 host epochs is too small .* give at least 200"):
        plan_rungs(199, 25)


def test_schedules_are_different_and_the_seed_alone_decides_them() -> None:
    drawn = draw_schedules(config(), 32)
    assert len(set(drawn)) == 32
    assert drawn[0].germinate_epochs == ()
    assert drawn == draw_schedules(config(), 32)
    assert drawn != draw_schedules(config("run.seed=7"), 32)
    assert {len(one.slots) for one in drawn[1:]} == {1, 2}
    for one in drawn:
        assert len(set(one.slots)) == len(one.slots) == len(one.blueprints) == len(one.germinate_epochs)


def test_a_search_repeats_and_ranks_by_worth() -> None:
    """Where 1,000 parameters cost more points than there are, never growing wins."""
    dear = config("variety.size_price=[100000.0,100000.0]")
    found = search_schedules(dear, budget=2 * 8 * 12 + 4 * 4 * 12, control=RunControl())
    again = search_schedules(dear, budget=2 * 8 * 12 + 4 * 4 * 12, control=RunControl())
    assert found == again
    best = found[0]
    assert best.schedule.germinate_epochs == ()
    assert best.worths == best.accuracies
    assert len(best.worths) > len(found[-1].worths), "the better half goes on to more hosts"
    grown = next(one for one in found if any(one.added))
    assert grown.worth < best.worth
