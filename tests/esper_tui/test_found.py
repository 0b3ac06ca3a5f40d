"""What the cockpit finds in what was recorded: a sentence on the run, habits, spreads, reasons, raw records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot
from textual.widgets import Static

from esper.telemetry.events import DEFAULT_GROUP, Event, LastAction, SeedPruned
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.raw import raw_text, recorded_at
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.choosing import Order, parse_filter
from esper_tui.state.episode import EpisodeView
from esper_tui.state.habits import habits
from esper_tui.state.narrative import narrative
from esper_tui.state.reasons import policy_words, why_words
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.history_panel import history_lines
from esper_tui.widgets.policy_screen_panels import critic_lines, rounds_to_collapse
from esper_tui.widgets.run_panels import spread_line
from esper_tui.widgets.text import plain

EVENTS = ScriptedRun(envs=6, epochs=8, rounds=2, nan_env=3).events()


def reduce(events: list[Event]) -> CockpitSnapshot:
    aggregator = Aggregator()
    for event in events:
        aggregator.apply(event)
    return aggregator.snapshot()


def trouble() -> CockpitSnapshot:
    """The last moment at which an env's loss is no number."""
    found = [index for index in range(len(EVENTS)) if any("NaN" in a.word for a in reduce(EVENTS[:index]).alerts)]
    return reduce(EVENTS[: found[-1]])


def test_the_sentence_claims_only_what_rules_have_found() -> None:
    assert narrative(reduce([])) == "Nothing has been reported yet."
    assert narrative(reduce(EVENTS[:20])) == "No rule has fired."
    text = narrative(trouble())
    assert text.startswith("Critical: ")
    assert "env 03 has a loss that is no number" in text


def test_equal_alerts_are_counted_in_the_sentence() -> None:
    one = next(alert for alert in trouble().alerts if alert.env_id == 3)
    three = tuple(replace(one, env_id=env_id, key=str(env_id)) for env_id in (1, 2, 3))
    assert narrative(replace(trouble(), alerts=three)) == "Critical: 3 of 6 envs have a loss that is no number."
    assert "env 01 and env 02 have" in narrative(replace(trouble(), alerts=three[:2]))


def episode_with(**changes: Any) -> EpisodeView:
    return replace(reduce(EVENTS).envs[0].episode, **changes)


def decision(epoch: int, op: str, **changes: Any) -> LastAction:
    first = next(event.payload for event in EVENTS if isinstance(event.payload, LastAction))
    return replace(first, epoch=epoch, op=op, slot_id="r0c0", **changes)


def test_habits_are_found_within_one_env_and_up_to_the_cursor() -> None:
    assert habits(episode_with(decisions=(), seeds=()), 99) == ()
    refused = tuple(decision(epoch, "PRUNE", success=False) for epoch in range(1, 7))
    stuck = episode_with(decisions=refused, seeds=())
    assert habits(stuck, 6) == ("STUCK: the last 6 ops were refused",)
    assert habits(stuck, 4) == ()
    swings = tuple(decision(epoch, "SET_ALPHA_TARGET", success=True) for epoch in (1, 3, 5))
    assert habits(episode_with(decisions=swings, seeds=()), 9) == ("ALPHA SWINGS: 3 new alpha goals for r0c0 in a row",)


def test_thrashing_shows_in_the_history() -> None:
    pruned = [mark for row in reduce(EVENTS).envs for mark in row.episode.seeds if isinstance(mark.payload, SeedPruned)]
    marks = tuple(replace(pruned[0], epoch=epoch, seq=epoch) for epoch in (1, 2, 3))
    slot_id = pruned[0].payload.slot_id
    episode = episode_with(seeds=marks, decisions=())
    text = "\n".join(plain(line) for line in history_lines(episode, 8, 100))
    assert f"● THRASH: 3 seeds were cut in {slot_id}" in text


def test_reasons_name_the_rule_of_an_env_and_of_its_policy() -> None:
    snapshot = trouble()
    row = next(row for row in snapshot.envs if row.env_id == 3)
    assert "env 03 is NaN" in why_words(row)
    policy = [alert for alert in snapshot.alerts if alert.group_id == DEFAULT_GROUP and not alert.by_trainer]
    assert len(policy_words(snapshot, 3)) == len(policy)


@pytest.mark.parametrize(
    ("entropies", "rounds"),
    [([1.0, 0.9, 0.8], 7.0), ([1.0, 1.0, 1.0], None), ([0.5, 0.6, 0.7], None), ([1.0, None, 0.9], None), ([], None)],
)
def test_rounds_to_the_collapse_of_the_entropy(entropies: list[float | None], rounds: float | None) -> None:
    assert rounds_to_collapse(entropies) == rounds


def test_the_critic_panel_ends_with_the_entropy() -> None:
    updates = reduce(EVENTS).groups[0].updates
    assert plain(critic_lines(updates, 60)[-1]).startswith("entropy ")


def test_the_spread_of_the_newest_returns() -> None:
    assert "p50 +2.0  σ 0.8  skew +0.00" in plain(spread_line((1.0, 2.0, 3.0)))
    assert "p50 +1.0  σ 0.0  skew --" in plain(spread_line((1.0, 1.0, 1.0)))
    assert "1 episodes" in plain(spread_line((1.0, float("nan"))))
    assert len(reduce(EVENTS).groups[0].returns) == 6


def test_both_paces_give_a_time_that_is_left() -> None:
    progress = reduce(EVENTS[:150]).progress
    assert progress.eta_seconds is not None
    assert progress.eta_now_seconds is not None
    assert reduce(EVENTS).progress.eta_now_seconds is None


def test_envs_are_chosen_and_sorted_by_group() -> None:
    rows = reduce(EVENTS).envs
    named = [replace(row, episode=replace(row.episode, group_id="AB"[row.env_id % 2])) for row in rows]
    assert [row.env_id for row in parse_filter("group=b").rows(named)] == [1, 3, 5]
    assert [row.env_id for row in Order(by="group").sorted(named)] == [0, 2, 4, 1, 3, 5]
    assert [row.env_id for row in Order(by="group", reverse=True).sorted(named)][:3] == [1, 3, 5]


def test_raw_records_are_those_of_the_moment() -> None:
    episode = reduce(EVENTS).envs[2].episode
    kinds = [one.kind.value for one in recorded_at(episode, 3)]
    assert kinds[:2] == ["EPOCH_COMPLETED", "last_action"]
    first = raw_text(recorded_at(episode, 3)).split("\n\n")[0].partition("\n")[2]
    assert json.loads(first)["epoch"] == 3
    assert "nothing was recorded" in raw_text(recorded_at(episode, 99))


async def test_e_shows_them_and_closes_again() -> None:
    app = CockpitApp(ReplaySource(EVENTS, origin="x", clock=lambda: 0.0))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(app, pilot)
        await pilot.press("e")
        await pilot.pause()
        assert "EPOCH_COMPLETED" in str(app.screen.query_one("#raw Static", Static).render())
        await pilot.press("y", "e")
        assert len(app.screen_stack) == 2


async def opened(app: CockpitApp, pilot: Pilot[Leaving]) -> None:
    """The env detail, with figures."""
    for _ in range(100):
        await pilot.pause(0.05)
        if app.view.focus.env_id is not None:
            break
    app.bring_up("detail")
    await pilot.pause(0.2)
