"""A run with two policy groups says which is which, row by row and line by line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted_run import ScriptedRun

from esper.telemetry.events import (
    BatchStats,
    EpisodeOutcome,
    EpochCompleted,
    Event,
    GroupStarted,
    TrainingStarted,
)
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.env_table import choose_columns, row_line, title_line
from esper_tui.widgets.run_panels import pair_lines
from esper_tui.widgets.text import plain, width_of

SLOTS = ("r0c0", "r0c1", "r0c2")


def snapshot(*names: str) -> CockpitSnapshot:
    """Four envs, shared out among the groups in turn."""
    aggregator = Aggregator()
    for event in ScriptedRun(envs=4, epochs=4, rounds=1).events():
        for one in _in_groups(event, names):
            aggregator.apply(one)
    return aggregator.snapshot()


def _in_groups(event: Event, names: tuple[str, ...]) -> list[Event]:
    if isinstance(event.payload, EpochCompleted):
        return [replace(event, group_id=names[event.payload.env_id * len(names) // 4])]
    if isinstance(event.payload, BatchStats):
        return [replace(event, group_id=name) for name in names]
    return [event]


def test_each_row_names_its_group_in_a_column_of_its_own() -> None:
    shown = snapshot("A", "simplified")
    columns = choose_columns(shown.envs, len(SLOTS), 100)
    title, *rows = [plain(line) for line in (title_line(SLOTS, columns), *(row_line(r, columns) for r in shown.envs))]
    assert [row.split()[0] for row in rows] == ["A", "A", "simpl…", "simpl…"]
    assert title.split()[:2] == ["grp", "env"]
    assert {row.index(f" {env:02d} ") for env, row in enumerate(rows)} == {title.index("env")}
    assert max(width_of(row_line(one, columns)) for one in shown.envs) <= 100


def test_a_run_with_one_group_has_no_such_column() -> None:
    shown = snapshot("default")
    columns = choose_columns(shown.envs, len(SLOTS), 100)
    assert columns.group == 0
    assert "grp" not in plain(title_line(SLOTS, columns))


def test_the_rounds_of_two_groups_are_told_apart_in_the_log() -> None:
    rounds = [line.text for line in snapshot("A", "B").log if line.word == "round"]
    assert [text.split()[0] for text in rounds] == ["A:", "B:"]
    assert not any(line.text.startswith("default") for line in snapshot("default").log)


def _ab(finals: tuple[float, ...]) -> CockpitSnapshot:
    """One round of groups A (envs 0, 1) and B (envs 2, 3) with these final accuracies."""
    groups = tuple(
        GroupStarted(
            group_id=name, controller="ppo", learns=True, reward_mode="shaped", reward_family=None, env_ids=env_ids
        )
        for name, env_ids in (("A", (0, 1)), ("B", (2, 3)))
    )
    aggregator = Aggregator()
    for event in ScriptedRun(envs=4, epochs=4, rounds=1).events():
        payload = event.payload
        if isinstance(payload, TrainingStarted):
            payload = replace(payload, groups=groups)
        if isinstance(payload, EpisodeOutcome):
            payload = replace(payload, final_accuracy=finals[payload.env_id])
        aggregator.apply(replace(event, payload=payload))
    return aggregator.snapshot()


def test_groups_are_compared_env_by_env() -> None:
    shown = _ab((10.0, 20.0, 13.0, 25.0))  # B gains 3 and 5 points: 4 in the mean, with a standard error of 1.
    (pair,) = shown.pairs
    assert pair.difference is not None
    assert (pair.difference.count, pair.difference.mean) == (2, 4.0)
    assert pair.difference.half_width == pytest.approx(12.706, abs=1e-3)
    title, row, _ = [plain(one) for one in pair_lines(shown)]
    assert title.startswith("B − A")
    assert row.split() == ["r1", "+4.0±12.7", "2", "pairs"]


def test_a_run_with_one_group_compares_nothing() -> None:
    assert pair_lines(snapshot("default")) == []
