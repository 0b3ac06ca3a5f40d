"""What the figures of the deeper screens are made of: ablations, modules, alerts, filters, charts, layouts."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_t
from scripted_run import ScriptedRun

from esper.contracts.seeds import PruneInitiator
from esper.errors import ConfigError
from esper.telemetry.events import (
    AblationConfig,
    CounterfactualMatrixComputed,
    EpochCompleted,
    Event,
    LastAction,
    SeedGerminated,
    SeedPruned,
)
from esper_tui.screens.layout import MINIMUM, Box, detail_layout, envs_layout, tiles
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.attribution import Moments, matrix_figures
from esper_tui.state.choosing import Order, parse_filter
from esper_tui.state.env_status import FleetReference, fleet_reference, judge_env
from esper_tui.state.module_book import ModuleBook
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import CockpitSnapshot, EnvStatus
from esper_tui.widgets.canvas import Canvas
from esper_tui.widgets.chart import ChartView, Series, chart_lines, smoothed
from esper_tui.widgets.text import Role, plain, width_of
from esper_tui.widgets.timeline import axis_of, timeline_lines

EVENTS = ScriptedRun(envs=6, epochs=10, rounds=2, nan_env=2).events()


def reduce(events: list[Event]) -> CockpitSnapshot:
    aggregator = Aggregator()
    for event in events:
        aggregator.apply(event)
    return aggregator.snapshot()


SNAPSHOT = reduce(EVENTS[:-40])
MATRIX = CounterfactualMatrixComputed(
    env_id=0,
    batch=1,
    epoch=4,
    slot_ids=("a", "b", "c"),
    active=(True, True, False),
    committed=(False, False, False),
    configs=(
        AblationConfig(slots_on=(False, False, False), accuracy=50.0),
        AblationConfig(slots_on=(True, False, False), accuracy=54.0),
        AblationConfig(slots_on=(False, True, False), accuracy=52.0),
        AblationConfig(slots_on=(True, True, False), accuracy=59.0),
    ),
    strategy="full_factorial",
    shapley=(5.5, 3.5, None),
    compute_ms=1.0,
)


def test_the_figures_of_a_matrix_are_differences_of_accuracies() -> None:
    figures = matrix_figures(MATRIX)
    first, second, third = figures.slots
    assert (first.solo, first.drop_one, second.solo, second.drop_one) == (4.0, 7.0, 2.0, 5.0)
    assert (third.active, third.solo, third.shapley) == (False, None, None)
    assert [(pair.first, pair.second, pair.interaction) for pair in figures.pairs] == [("a", "b", 3.0)]
    assert figures.residue == pytest.approx(0.0)
    assert (figures.measured, figures.possible) == (4, 4)


def test_an_unmeasured_set_leaves_its_figures_missing() -> None:
    figures = matrix_figures(replace(MATRIX, configs=MATRIX.configs[1:], shapley=(None, None, None)))
    assert figures.slots[0].solo is None
    assert figures.slots[0].drop_one == 7.0
    assert figures.pairs == ()
    assert figures.residue is figures.shapley_total is None


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30))
def test_moments_give_mean_and_interval(values: list[float]) -> None:
    moments = Moments()
    for value in [*values, math.nan]:
        moments = moments.plus(value)
    spread = moments.spread()
    assert spread is not None
    assert spread.half_width is not None
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    factor = student_t.ppf(0.975, len(values) - 1)
    assert spread.count == len(values)
    assert spread.mean == pytest.approx(mean, abs=1e-9)
    assert spread.half_width == pytest.approx(factor * math.sqrt(variance / len(values)), rel=1e-6, abs=1e-3)


def test_a_seed_counts_once_with_its_last_ablation() -> None:
    planted = next(event.payload for event in EVENTS if isinstance(event.payload, SeedGerminated))
    book = ModuleBook()
    book.germinate(replace(planted, env_id=0, slot_id="a", blueprint="conv"))
    book.germinate(replace(planted, env_id=0, slot_id="b", blueprint="norm"))
    book.measure(replace(MATRIX, shapley=(1.0, 1.0, None)))
    book.measure(MATRIX)
    assert all(one.drop_one is None for one in book.figures().modules), "no seed is over yet"
    book.prune(
        SeedPruned(
            env_id=0,
            slot_id="a",
            seed_id="x",
            blueprint="conv",
            reason="test",
            initiator=PruneInitiator.GOVERNOR,
            epochs_total=7,
            improvement=0.0,
            contribution=None,
        )
    )
    book.end_episode(0)
    book.end_episode(0)
    conv, norm = sorted(book.figures().modules, key=lambda one: one.blueprint)
    assert conv.shapley is not None
    assert norm.drop_one is not None
    assert (conv.tried, conv.cut, conv.cut_by_policy, conv.shapley.mean, conv.shapley.count) == (1, 1, 0, 5.5, 1)
    assert (norm.drop_one.mean, norm.drop_one.count) == (5.0, 1)
    assert [(pair.first, pair.second, pair.interaction.mean) for pair in book.figures().pairs] == [
        ("conv", "norm", 3.0)
    ]


def test_an_env_that_falls_with_its_fleet_is_no_alert() -> None:
    epoch = next(event.payload for event in EVENTS if isinstance(event.payload, EpochCompleted))
    fallen = [50.0, 60.0, 40.0]

    def status(fleet: FleetReference) -> tuple[EnvStatus, Level]:
        judged = judge_env(epoch, fallen, rollback=None, outcome=None, max_epochs=25, fleet=fleet)
        return judged.status, judged.level

    assert status(FleetReference()) == (EnvStatus.FALLEN, Level.WARNING)
    assert status(fleet_reference([fallen] * 5)) == (EnvStatus.DOWN, Level.FINE)
    assert fleet_reference([fallen] * 3) == FleetReference(), "three envs say nothing about what is usual"


def test_an_alert_is_raised_once_and_resolved_with_its_moments() -> None:
    snapshot = reduce(EVENTS)
    broken = [alert for alert in (*snapshot.alerts, *snapshot.resolved) if alert.word == "NaN"]
    assert len(broken) == 1
    assert broken[0].who == "env02"
    assert (broken[0].raised.batch, broken[0].raised.epoch) == (2, 4)
    assert isinstance(EVENTS[broken[0].position - 1].payload, EpochCompleted)


@pytest.mark.parametrize(
    ("text", "envs"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("env=1,3", [1, 3]),
        ("env>=4", [4, 5]),
        ("status=nan", [2]),
        ("env<3 status!=nan", [0, 1]),
        ("env05", [5]),
        ("acc>1000", []),
    ],
)
def test_filters(text: str, envs: list[int]) -> None:
    assert [row.env_id for row in parse_filter(text).rows(SNAPSHOT.envs)] == envs


@pytest.mark.parametrize("text", ["colour=red", "acc>high", "status>up"])
def test_a_mistake_in_a_filter_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=text.split(">")[0].split("=")[0]):
        parse_filter(text)


def test_every_order_keeps_every_env_and_missing_figures_come_last() -> None:
    order = Order()
    rows = [replace(row, accuracy=None) if row.env_id == 1 else row for row in SNAPSHOT.envs]
    for _ in range(8):
        for chosen in (order, replace(order, reverse=True)):
            assert sorted(row.env_id for row in chosen.sorted(rows)) == [0, 1, 2, 3, 4, 5]
        order = order.next()
    assert Order(by="acc").sorted(rows)[-1].env_id == Order(by="acc", reverse=True).sorted(rows)[-1].env_id == 1


def test_two_curves_share_a_cell() -> None:
    canvas = Canvas(1, 1)
    for x, y in ((0, 0), (1, 3)):
        canvas.dot(x, y, Role.BAR)
    assert plain(canvas.lines()[0]) == chr(0x2800 | 0x01 | 0x80)


@given(
    values=st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    width=st.integers(0, 90),
    height=st.integers(0, 20),
    view=st.builds(ChartView, zoom=st.integers(0, 4), log=st.booleans(), smooth=st.booleans()),
)
def test_a_chart_fills_its_place_whatever_the_values(
    values: list[float | None], width: int, height: int, view: ChartView
) -> None:
    finite = [value if value is None or not math.isfinite(value) or abs(value) < 1e100 else 1.0 for value in values]
    lines = chart_lines([Series(name="", values=finite)], width, height, x_end=max(2, len(values)), view=view)
    assert len(lines) == height
    assert all(width_of(line) == width for line in lines)


def test_smoothing_skips_gaps() -> None:
    assert smoothed([1.0, None, 1.0]) == [1.0, None, 1.0]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_timeline_puts_what_happened_under_its_epoch(width: int) -> None:
    episode = SNAPSHOT.envs[0].episode
    axis, lines = axis_of(episode, width), [plain(line) for line in timeline_lines(episode, width, 12)]
    ops = next(line for line in lines if line.startswith("op "))
    letters = {"GERMINATE": "G", "ADVANCE": "A", "FOSSILIZE": "F", "PRUNE": "P"}
    for decision in episode.decisions:
        if decision.op in letters:
            assert ops[axis.start(decision.epoch)] == (letters[decision.op] if decision.success else "!")
    for epoch in range(1, episode.max_epochs + 1):
        assert axis.epoch_at(axis.start(epoch)) == epoch
    assert max(map(len, lines)) == width


@pytest.mark.parametrize("length", [30, 9_999, 1_000_000])
def test_the_timeline_labels_episodes_of_any_length(length: int) -> None:
    episode = replace(SNAPSHOT.envs[0].episode, max_epochs=length)
    labels = [int(word) for word in plain(timeline_lines(episode, 120, 12)[-1]).split()]
    assert labels[0] == 1
    assert 4 < len(labels) < 20
    assert len({after - before for before, after in pairwise(labels[1:])}) == 1


def overlap(first: Box, second: Box) -> bool:
    return (
        first.x < second.x + second.width
        and second.x < first.x + first.width
        and first.y < second.y + second.height
        and second.y < first.y + first.height
    )


@given(
    width=st.integers(MINIMUM[0], 260),
    height=st.integers(MINIMUM[1] - 5, 90),
    envs=st.integers(1, 64),
    front=st.integers(0, 9),
)
def test_panels_never_overlap_and_stay_inside(width: int, height: int, envs: int, front: int) -> None:
    layouts = (
        envs_layout(width, height, envs=envs, front=front),
        detail_layout(width, height, front=front),
        tiles(["a", "b", "c", "d", "e"], width, height, front=front, smallest=(58, 10)),
    )
    for layout in layouts:
        boxes = list(layout.values())
        assert boxes
        for index, box in enumerate(boxes):
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.width <= width
            assert box.y + box.height <= height
            assert not any(overlap(box, other) for other in boxes[index + 1 :])


def test_the_episode_holds_every_decision_of_the_env() -> None:
    last = max(event.payload.batch for event in EVENTS if isinstance(event.payload, LastAction))
    recorded = [e.payload for e in EVENTS if isinstance(e.payload, LastAction) and e.payload.batch == last]
    for row in reduce(EVENTS).envs:
        assert list(row.episode.decisions) == [one for one in recorded if one.env_id == row.env_id]
