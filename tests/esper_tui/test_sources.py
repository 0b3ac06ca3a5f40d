"""The sources: live and replay give the same figures; the view can be held; steps land where they say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_run import ScriptedRun

from esper.control.messages import Action
from esper.telemetry.events import Event
from esper.telemetry.hub import SinkError
from esper.training.run_control import RunControl
from esper_tui.sources.base import Mode
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import KEYFRAME_EVENTS, ReplaySource
from esper_tui.state.aggregator import Aggregator
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
    assert len(LONG) > 2 * KEYFRAME_EVENTS
    for position in positions:
        LONG_REPLAY.seek(position)
    aggregator = Aggregator()
    for event in LONG[: positions[-1]]:
        aggregator.apply(event)
    assert LONG_REPLAY.position == positions[-1]
    assert LONG_REPLAY.snapshot() == aggregator.snapshot()


LONG_REPLAY = replay_source(LONG)
