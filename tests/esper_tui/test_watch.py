"""A run that another process trains: followed to the state that a replay has, and steered over its socket."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_run import ScriptedRun
from textual.pilot import Pilot

from esper.control.server import served_control
from esper.errors import HistoryError
from esper.history import read_events
from esper.history.recording import Recording, open_recording
from esper.history.run_lock import RunLock
from esper.telemetry.events import BatchEpochCompleted, Payload, RunEnd, TrainingEnded
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp, Leaving
from esper_tui.screens.ask import AskScreen
from esper_tui.screens.help import HelpScreen, help_text
from esper_tui.sources.base import Mode, SourceStatus
from esper_tui.sources.replay import ReplaySource
from esper_tui.sources.watch import WatchSource
from esper_tui.state.snapshot import CockpitSnapshot
from esper_tui.widgets.header import HeaderPanel
from esper_tui.widgets.status_line import StatusPanel
from esper_tui.widgets.text import plain

PAYLOADS: list[Payload] = [event.payload for event in ScriptedRun(envs=3, epochs=5).events()]


class FakeClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def emit(recording: Recording, payloads: Sequence[Payload]) -> None:
    for payload in payloads:
        recording.hub.emit(payload)


def record(folder: Path, payloads: Sequence[Payload]) -> Path:
    with open_recording(TrainingConfig(), folder) as recording:
        emit(recording, payloads)
    return recording.directory.path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("runs"), PAYLOADS)


def replayed(run: Path) -> CockpitSnapshot:
    return ReplaySource(read_events(run), origin=str(run), clock=lambda: 0.0).snapshot()


def look_at_all(source: WatchSource) -> None:
    while source.look():
        pass


@settings(deadline=None, max_examples=25)
@given(cuts=st.lists(st.floats(0, 1), max_size=5), back_to_first_round=st.booleans())
def test_the_state_after_following_is_the_state_after_playing_all(
    recorded: Path, cuts: list[float], back_to_first_round: bool
) -> None:
    """Whatever the pieces in which the log grows, and whether or not a resume cuts it back in between."""
    whole = (recorded / "events.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    header = len(lines[0])
    first_round = next(place for place, one in enumerate(PAYLOADS, start=2) if isinstance(one, BatchEpochCompleted))
    places = sorted({header, len(whole), *(header + int(cut * (len(whole) - header)) for cut in cuts)})
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "events.jsonl"
        log.write_bytes(whole[:header])
        source = WatchSource(Path(name), clock=FakeClock())
        for start, end in pairwise(places):
            with log.open("ab") as file:
                file.write(whole[start:end])
            look_at_all(source)
        if back_to_first_round:
            log.write_bytes(b"".join(lines[:first_round]))
            look_at_all(source)
            assert source.latest() == replayed(Path(name))
            log.write_bytes(whole)
            look_at_all(source)
        assert source.latest() == replayed(recorded)


def status_of(source: WatchSource) -> SourceStatus:
    source.look()
    source.poll()
    return source.status(source.latest())


def test_the_header_says_how_the_run_stands(tmp_path: Path) -> None:
    clock, control = FakeClock(), RunControl()
    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(TrainingConfig(), tmp_path))
        run = recording.directory.path
        stack.enter_context(served_control(control, run, print))
        source = WatchSource(run, clock=clock)

        def mode() -> Mode:
            clock.now += 1.0  # so that the process is asked again
            return status_of(source).mode

        assert mode() is Mode.STARTING
        emit(recording, PAYLOADS[: len(PAYLOADS) // 2 + 1])  # The first round ends within these, which writes them out.
        assert mode() is Mode.LIVE
        clock.now += 43.0
        assert mode() is Mode.LIVE
        assert mode() is Mode.SILENT
        assert status_of(source).silent_seconds == 45
        control.pause()
        assert mode() is Mode.TRAINING_PAUSED
        control.resume()
        assert mode() is Mode.SILENT
        control.request_stop_after_round()
        assert mode() is Mode.STOPPING
    assert source.look() is False
    assert mode() is Mode.CUT_OFF
    assert source.is_over


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (RunEnd.FINISHED, Mode.ENDED_FINISHED),
        (RunEnd.STOPPED, Mode.ENDED_STOPPED),
        (RunEnd.FAILED, Mode.ENDED_FAILED),
    ],
)
def test_a_run_that_is_over_says_how_it_ended(tmp_path: Path, end: RunEnd, expected: Mode) -> None:
    ended = TrainingEnded(end=end, batches_completed=0, wall_seconds=1.0)
    source = WatchSource(record(tmp_path, [*PAYLOADS[:5], ended]), clock=FakeClock())
    assert status_of(source).mode is Mode.CATCHING_UP
    assert status_of(source).mode is expected


class Watched:
    """A run that is recorded and served here, as another process would, and an app that watches it."""

    def __init__(self, run: Path, control: RunControl, *, read_only: bool = False) -> None:
        self.run, self.control = run, control
        self.source = WatchSource(run, clock=time.monotonic)
        self.app = CockpitApp(self.source, frame_seconds=0.02, read_only=read_only)

    def text(self, panel: type[HeaderPanel | StatusPanel]) -> str:
        return "\n".join(plain(line) for line in self.app.query_one(panel).lines)


@pytest.fixture
def going_on(recorded: Path) -> Generator[tuple[Path, RunControl]]:
    """A run of which half is recorded, held and served by this process."""
    lines = (recorded / "events.jsonl").read_bytes().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        run, control = Path(name), RunControl()
        (run / "events.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
        stack.callback(RunLock(run).close)
        stack.enter_context(served_control(control, run, print))
        yield run, control


@asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[Pilot[Leaving]]:
    with watched.source.following():
        async with watched.app.run_test(size=(120, 36)) as pilot:
            await until(pilot, lambda: "● LIVE" in watched.text(HeaderPanel))
            yield pilot


async def until(pilot: Pilot[Leaving], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await pilot.pause(0.02)


async def test_a_watcher_pauses_saves_and_stops_the_run_after_asking(going_on: tuple[Path, RunControl]) -> None:
    watched = Watched(*going_on)
    control = watched.control
    async with running(watched) as pilot:
        assert "◎ WATCH" in watched.text(StatusPanel)

        async def press(key: str, answer: str) -> None:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(watched.app.screen, AskScreen))
            await pilot.press(answer)
            await until(pilot, lambda: not isinstance(watched.app.screen, AskScreen))

        await press("p", "enter")
        assert not control.is_paused, "No is the default"
        await press("p", "y")
        await until(pilot, lambda: control.is_paused)
        await until(pilot, lambda: "TRAINING PAUSED" in watched.text(HeaderPanel))
        await press("p", "y")
        await until(pilot, lambda: not control.is_paused)
        await press("ctrl+s", "y")
        await until(pilot, lambda: control.checkpoint_requested)
        await press("ctrl+x", "y")
        await until(pilot, lambda: control.stop_after_round_requested)
        await pilot.press("q")
        await until(pilot, lambda: watched.app.return_value is Leaving.OVER)
    assert not control.stop_requested


async def test_a_read_only_watcher_has_no_key_that_changes_the_run(going_on: tuple[Path, RunControl]) -> None:
    watched = Watched(*going_on, read_only=True)
    control = watched.control
    async with running(watched) as pilot:
        await pilot.press("p", "ctrl+s", "ctrl+x")
        await pilot.pause(0.1)
        assert not isinstance(watched.app.screen, AskScreen)
        await watched.app.run_action("ask_run('pause')")
        assert not isinstance(watched.app.screen, AskScreen)
        assert "pause" not in watched.text(StatusPanel)
        control.pause()
        await until(pilot, lambda: "TRAINING PAUSED" in watched.text(HeaderPanel))
        assert "p lets it go on" not in watched.text(StatusPanel)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(watched.app.screen, HelpScreen))
        page = help_text(live=True, width=100, keys=watched.app.keys)
        assert "asks first" not in page
        assert "hold the picture still" in page


async def test_a_run_that_cannot_be_asked_says_why(going_on: tuple[Path, RunControl]) -> None:
    watched = Watched(*going_on)
    async with running(watched) as pilot:
        (watched.run / "control.sock").unlink()
        await pilot.press("p")
        await until(pilot, lambda: isinstance(watched.app.screen, AskScreen))
        await pilot.press("y")
        await until(pilot, lambda: any("does not listen" in one.message for one in watched.app._notifications))
    assert not watched.control.is_paused


async def test_a_log_that_is_deleted_closes_the_screen_and_is_an_error(going_on: tuple[Path, RunControl]) -> None:
    watched = Watched(*going_on)
    async with running(watched) as pilot:
        (watched.run / "events.jsonl").unlink()
        await until(pilot, lambda: watched.app.return_value is Leaving.OVER)
    assert isinstance(watched.source.failure, HistoryError)
    assert "was deleted while it was followed" in str(watched.source.failure)
