"""The sources: live and replay give the same figures; the view can be held; steps land where they say."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import write_log
from scripted_run import ScriptedRun

from esper.control.messages import Action
from esper.history.follow import Follower
from esper.history.recorded_events import RecordedEvents
from esper.telemetry.events import Event, GovernorRollback, LastAction
from esper.telemetry.hub import SinkError
from esper.training.run_control import RunControl
from esper_tui.sources.base import Mode
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.keyframes import MOST, SPACING, Keyframes
from esper_tui.state.snapshot import CockpitSnapshot

EVENTS = ScriptedRun(envs=3, epochs=5).events()


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def live_source(clock: FakeClock | None = None) -> LiveSource:
    return LiveSource(control=RunControl(), origin="runs/x", clock=clock or FakeClock())


def replay_source(events: list[Event], clock: FakeClock | None = None) -> ReplaySource:
    return ReplaySource(events, origin="runs/x", clock=clock or FakeClock())


def figures(source: LiveSource | ReplaySource) -> CockpitSnapshot:
    frame = source.poll()
    assert frame is not None
    return frame.snapshot


def test_live_equals_replay_at_every_event() -> None:
    live, replay = live_source(), replay_source(EVENTS)
    for position, event in enumerate(EVENTS, start=1):
        live.accept(event)
        replay.seek(position)
        assert figures(live) == figures(replay)


def test_a_poll_without_news_draws_nothing() -> None:
    live = live_source()
    live.accept(EVENTS[0])
    assert live.poll() is not None
    assert live.poll() is None


def test_a_held_view_keeps_its_picture_and_counts_what_it_misses() -> None:
    live = live_source()
    live.accept(EVENTS[0])
    before = figures(live)
    live.toggle_view()
    for event in EVENTS[1:20]:
        live.accept(event)
    frame = live.poll()
    assert frame is not None
    assert frame.snapshot is before
    assert (frame.status.mode, frame.status.newer) == (Mode.VIEW_PAUSED, 19)
    live.toggle_view()
    assert figures(live).events == 20


def test_pictures_that_came_due_and_were_never_drawn_are_counted() -> None:
    clock = FakeClock()
    live = live_source(clock)
    live.accept(EVENTS[0])
    live.poll()
    clock.now += 1.0
    live.accept(EVENTS[1])
    frame = live.poll()
    assert frame is not None
    assert frame.status.dropped == 3


def test_a_covered_or_idle_screen_misses_nothing() -> None:
    clock = FakeClock()
    live = live_source(clock)
    live.accept(EVENTS[0])
    live.poll()
    clock.now += 60.0
    live.rest()
    live.accept(EVENTS[1])
    clock.now += 0.25
    frame = live.poll()
    assert frame is not None
    assert frame.status.dropped == 0


def test_stopping_after_the_round_lets_a_paused_run_finish_it() -> None:
    live = live_source()
    live.control.pause()
    live.steer(Action.STOP_AFTER_ROUND)
    assert not live.control.is_paused
    assert live.control.stop_after_round_requested
    assert not live.control.stop_requested
    frame = live.poll()
    assert frame is not None
    assert frame.status.mode is Mode.STOPPING


def test_a_reducer_that_fails_leaves_the_run_alone_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    live = live_source()
    live.accept(EVENTS[0])

    def explode(_self: Aggregator, _event: Event) -> None:
        raise KeyError("slot")

    monkeypatch.setattr(Aggregator, "apply", explode)
    with pytest.raises(SinkError, match="KeyError"):
        live.accept(EVENTS[1])
    frame = live.poll()
    assert frame is not None
    assert frame.status.mode is Mode.SCREEN_FAILED
    assert not live.critical


def test_a_failing_job_leaves_its_traceback_and_ends_the_run() -> None:
    live = live_source()

    def job(_source: LiveSource) -> None:
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        live.run(job)
    assert live.is_over
    assert live.failure is not None
    assert "out of luck" in live.failure
    frame = live.poll()
    assert frame is not None
    assert frame.status.mode is Mode.ENDED_FAILED


def test_a_replay_opens_at_the_end_of_the_run() -> None:
    frame = replay_source(EVENTS).poll()
    assert frame is not None
    assert (frame.status.mode, frame.status.position) == (Mode.REPLAY, len(EVENTS))


def place(source: ReplaySource) -> tuple[int | None, int | None]:
    progress = figures(source).progress
    return progress.batch, progress.epoch


def test_steps_by_epoch_and_by_round() -> None:
    replay = replay_source(EVENTS)
    replay.step_round(-1)
    assert place(replay) == (1, 5)
    assert len(replay.snapshot().groups[0].rounds) == 1
    replay.step_epoch(1)
    assert place(replay) == (2, 1)
    replay.step_epoch(1)
    assert place(replay) == (2, 2)
    replay.step_epoch(-1)
    assert place(replay) == (2, 1)
    replay.step_round(1)
    assert place(replay) == (2, 5)


def test_a_step_ends_when_every_env_has_acted() -> None:
    replay = replay_source(EVENTS)
    replay.seek(1)
    replay.step_epoch(1)
    rows = figures(replay).envs
    assert [row.epoch for row in rows] == [1, 1, 1]
    assert all(row.decision is not None for row in rows)


def test_stepping_back_from_the_first_epoch_stops_at_the_start() -> None:
    replay = replay_source(EVENTS)
    replay.seek(2)
    replay.step_epoch(-1)
    replay.step_epoch(-1)
    assert replay.position == 1


def test_playback_follows_the_recorded_times_and_the_speed() -> None:
    clock = FakeClock()
    replay = replay_source(EVENTS, clock)
    replay.toggle_view()
    replay.poll()
    clock.now += 1.0
    replay.poll()
    shown = replay.position
    recorded = [event.time for event in EVENTS]
    assert recorded[shown - 1] - recorded[0] <= 1.0 < recorded[shown] - recorded[0]
    replay.change_speed(1)
    clock.now += 0.5
    replay.poll()
    assert recorded[replay.position] - recorded[0] > 2.0


def test_a_long_silence_of_the_recording_is_cut_short() -> None:
    clock = FakeClock()
    silent = [EVENTS[0], *(event_at(event, event.time + 3600.0) for event in EVENTS[1:])]
    replay = replay_source(silent, clock)
    replay.toggle_view()
    replay.poll()
    clock.now += 60.0
    replay.poll()
    assert replay.position == len(EVENTS)
    assert not replay.playing


def event_at(event: Event, time: float) -> Event:
    return Event(seq=event.seq, time=time, payload=event.payload)


LONG = ScriptedRun(envs=8, epochs=40, rounds=11).events()


@settings(max_examples=25, deadline=None)
@given(positions=st.lists(st.integers(0, len(LONG)), min_size=1, max_size=3))
def test_seeking_anywhere_gives_what_one_pass_gives(positions: list[int]) -> None:
    assert len(LONG) > 2 * SPACING
    for position in positions:
        LONG_REPLAY.seek(position)
    aggregator = Aggregator()
    for event in LONG[: positions[-1]]:
        aggregator.apply(event)
    assert LONG_REPLAY.position == positions[-1]
    assert LONG_REPLAY.snapshot() == aggregator.snapshot()


LONG_REPLAY = replay_source(LONG)


def slow_source(events: list[Event]) -> tuple[ReplaySource, FakeClock]:
    """A replay of which only the beginning was read: every look at the clock takes a tenth of a second."""
    clock = FakeClock()

    def ticking() -> float:
        clock.now += 0.1
        return clock.now

    return ReplaySource(events, origin="runs/x", clock=ticking), clock


def test_there_is_a_picture_before_all_was_read_and_it_follows_the_reading() -> None:
    replay, _ = slow_source(LONG)
    frame = replay.poll()
    assert frame is not None
    assert 0 < frame.status.position < len(LONG)
    assert frame.status.share_read < 1.0
    assert frame.snapshot.envs
    replay.read_on(0.5)
    frame = replay.poll()
    assert frame is not None
    shown = frame.status.position
    assert frame.snapshot == played(LONG[:shown])
    replay.read_on(1e9)
    frame = replay.poll()
    assert frame is not None
    assert (frame.status.position, frame.status.share_read) == (len(LONG), 1.0)


def test_a_moment_that_was_not_read_yet_is_shown_once_it_was() -> None:
    replay, _ = slow_source(LONG)
    replay.seek(50)
    assert replay.position == 50
    replay.seek(5000)
    replay.read_on(0.5)
    frame = replay.poll()
    assert frame is not None
    assert frame.status.position < 5000
    replay.read_on(1e9)
    assert replay.position == 5000
    assert replay.snapshot() == played(LONG[:5000])


def played(events: list[Event]) -> CockpitSnapshot:
    aggregator = Aggregator()
    for event in events:
        aggregator.apply(event)
    return aggregator.snapshot()


@settings(max_examples=10, deadline=None)
@given(positions=st.lists(st.integers(0, len(LONG)), min_size=1, max_size=3))
def test_seeking_in_a_log_on_the_disk_gives_what_one_pass_gives(
    recorded_replay: ReplaySource, positions: list[int]
) -> None:
    replay = recorded_replay
    for position in positions:
        replay.seek(position)
        assert replay.snapshot() == played(LONG[:position])


@pytest.fixture(scope="module")
def recorded_replay(tmp_path_factory: pytest.TempPathFactory) -> ReplaySource:
    recording = RecordedEvents(write_log(tmp_path_factory.mktemp("run"), LONG))
    return ReplaySource(recording, origin="runs/x", clock=FakeClock())


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, len(EVENTS)), max_size=4).map(sorted))
def test_a_run_that_is_followed_looks_as_if_it_had_been_played(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    log = write_log(folder, [])
    follower, aggregator = Follower(folder), Aggregator()
    lines = write_log(tmp_path_factory.mktemp("whole"), EVENTS).read_bytes().splitlines(keepends=True)[1:]
    for start, stop in pairwise([0, *cuts, len(EVENTS)]):
        with log.open("ab") as file:
            file.writelines(lines[start:stop])
        for event in follower.read().events:
            aggregator.apply(event)
        assert aggregator.snapshot() == played(EVENTS[:stop])


def test_copies_are_few_however_long_the_recording() -> None:
    frames = Keyframes()
    for position in range(0, 3 * MOST * SPACING, SPACING // 2):
        frames.offer(Aggregator(events=position, batch=1))
    assert len(frames) <= MOST
    distances = [position - frames.before(position).events for position in range(0, 3 * MOST * SPACING, 999)]
    assert max(distances) <= 4 * SPACING


def test_copies_are_kept_where_episodes_have_just_begun() -> None:
    frames, aggregator = Keyframes(), Aggregator()
    for event in LONG:
        aggregator.apply(event)
        frames.offer(aggregator)
    assert len(frames) > 1
    for position in range(0, len(LONG), 500):
        kept = frames.before(position)
        assert kept.events <= position
        assert all(len(env.epochs) <= 1 for env in kept.envs.values())


def test_alarms_and_decisions_are_stepped_through() -> None:
    replay = replay_source(EVENTS)
    replay.step_alarm(-1)
    assert isinstance(EVENTS[replay.position - 1].payload, GovernorRollback)
    replay.step_decision(-1)
    payload = EVENTS[replay.position - 1].payload
    assert isinstance(payload, LastAction)
    assert payload.op != "WAIT"
    replay.seek(0)
    replay.step_decision(-1)
    assert replay.position == 0


def test_the_highest_speed_shows_as_many_events_as_there_is_time_for() -> None:
    replay, clock = slow_source(LONG)
    replay.read_on(1e9)
    for _ in range(20):
        replay.change_speed(1)
    replay.toggle_view()
    before = replay.position
    frame = replay.poll()
    assert frame is not None
    assert before < frame.status.position < len(LONG)
    assert frame.status.speed == math.inf
    while replay.playing:
        replay.poll()
    assert (replay.position, replay.playing) == (len(LONG), False)
    assert clock.now > 0


MOVES = st.one_of(
    st.tuples(st.just("seek"), st.integers(0, len(LONG))),
    st.tuples(st.just("epoch"), st.integers(-10, 10).filter(bool)),
    st.tuples(st.just("round"), st.sampled_from((-1, 1))),
    st.tuples(st.just("decision"), st.sampled_from((-1, 1))),
    st.tuples(st.just("alarm"), st.sampled_from((-1, 1))),
    st.tuples(st.just("play"), st.integers(1, 200)),
    st.tuples(st.just("read"), st.integers(1, 9)),
)


@settings(max_examples=15, deadline=None)
@given(moves=st.lists(MOVES, min_size=1, max_size=6))
def test_however_a_moment_is_reached_it_looks_as_if_all_had_been_played(moves: list[tuple[str, int]]) -> None:
    """Also while the recording is still being read."""
    replay, clock = slow_source(LONG)
    for move, amount in moves:
        match move:
            case "seek":
                replay.seek(amount)
            case "epoch":
                replay.step_epoch(amount)
            case "round":
                replay.step_round(amount)
            case "decision":
                replay.step_decision(amount)
            case "alarm":
                replay.step_alarm(amount)
            case "play":
                replay.toggle_view()
                replay.poll()
                clock.now += amount
                replay.poll()
                replay.toggle_view()
            case _:
                replay.read_on(float(amount))
        assert replay.snapshot() == played(LONG[: replay.position])
