"""Every key of the table is bound, pressed, explained, and in the palette; users may move them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot
from textual.widgets import Button

from esper.errors import ConfigError
from esper.history import open_recording
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.key_rows import Where, remapped, written
from esper_tui.keys import KEYS, keys_for
from esper_tui.leaving import Leaving
from esper_tui.screens.base import CockpitScreen
from esper_tui.screens.help import help_text
from esper_tui.screens.leave import LeaveScreen
from esper_tui.screens.registry import SCREENS
from esper_tui.settings import load_settings
from esper_tui.sources.live import LiveSource
from esper_tui.sources.replay import ReplaySource
from esper_tui.sources.watch import WatchSource

EVENTS = ScriptedRun(envs=5, epochs=6, rounds=3).events()
LEAVING = {"quit", "quit-now"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was cut off."""
    with open_recording(TrainingConfig(), tmp_path_factory.mktemp("runs")) as recording:
        for event in EVENTS[:150]:
            recording.hub.emit(event.payload)
    return recording.directory.path


def make_app(*, live: bool) -> CockpitApp:
    if not live:
        return CockpitApp(ReplaySource(EVENTS, origin="runs/x", clock=lambda: 0.0))
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    for event in EVENTS[:150]:
        source.accept(event)
    return CockpitApp(source)


async def close_layers(pilot: Pilot[Leaving]) -> None:
    for _ in range(5):
        if isinstance(pilot.app.screen, CockpitScreen):
            return
        await pilot.press("escape")


@pytest.mark.parametrize("screen", [kind.NAME for kind in SCREENS])
@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_every_key_can_be_pressed_on_every_screen(
    live: bool, screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    app = make_app(live=live)
    async with app.run_test(size=(120, 36)) as pilot:
        for key in keys_for(live=live, screen=screen):
            if key.name in LEAVING:
                continue
            app.bring_up(screen)
            await pilot.pause()
            for name in key.keys.split(","):
                await pilot.press(name)
                await close_layers(pilot)
        assert app.is_running


@pytest.mark.parametrize("read_only", [False, True])
async def test_every_key_can_be_pressed_on_a_run_of_another_process(
    watched: Path, read_only: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    source = WatchSource(watched, clock=lambda: 0.0)
    app = CockpitApp(source, read_only=read_only)
    with source.following():
        async with app.run_test(size=(120, 36)) as pilot:
            for key in keys_for(live=True, table=app.keys):
                assert not (read_only and key.changes_run)
                if key.name in LEAVING:
                    continue
                for name in key.keys.split(","):
                    await pilot.press(name)
                    await close_layers(pilot)
            assert app.is_running


async def test_a_read_only_cockpit_offers_to_leave_a_run_and_not_to_stop_it() -> None:
    source = LiveSource(control=RunControl(), origin="runs/x", clock=lambda: 0.0)
    app = CockpitApp(source, read_only=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(app.screen, LeaveScreen)
        assert {button.id for button in app.screen.query(Button)} == {"keep-training", "cancel"}
        await pilot.press("s", "n")
        assert isinstance(app.screen, LeaveScreen)
        assert not source.control.stop_requested
        await pilot.press("k")
    assert app.return_value is Leaving.DETACHED


def test_names_are_unique_and_every_key_is_in_help_and_docs() -> None:
    assert len({key.name for key in KEYS}) == len(KEYS)
    page = (Path(__file__).parents[2] / "docs" / "cockpit.md").read_text(encoding="utf-8")
    for live in (True, False):
        text = " ".join(help_text(live=live, width=100).split())
        for key in keys_for(live=live):
            assert " ".join(key.help.split()) in text
    for key in KEYS:
        assert re.search(rf"^\| {re.escape(written(key))} \|.*{re.escape(key.help)}", page, re.M), key.name


def test_no_two_keys_meet_on_a_screen() -> None:
    remapped({}, KEYS)


def test_a_user_moves_a_key(tmp_path: Path) -> None:
    path = tmp_path / "cockpit.toml"
    path.write_text('theme = "esper-light"\nbell = "warning"\ntitle = true\n[keys]\nhold = "f5"\n', encoding="utf-8")
    settings = load_settings(path)
    assert (settings.theme, settings.bell, settings.title) == ("esper-light", "warning", True)
    table = remapped(settings.keys, KEYS)
    assert next(key.keys for key in table if key.name == "hold") == "f5"
    assert "f5" in help_text(live=True, width=100, keys=table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('theme = "pink"', "none of esper-dark"),
        ("[keys]\nhodl = 'f5'", "no such key"),
        ("[keys]\nhold = 'p'", "both want p"),
        ("[keys]\nhold = 5", "not the name of a key"),
        ("keys = 5", "must be a table"),
        ("color = 1", "not known"),
        ('bell = "loud"', "none of off, critical, warning"),
        ('title = "yes"', "neither true nor false"),
        ("theme = ", "Invalid value"),
    ],
)
def test_a_mistake_in_the_settings_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "cockpit.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_settings(path)


def test_without_settings_there_are_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml").keys == {}


def test_a_replay_has_no_key_that_changes_a_run() -> None:
    assert not {"pause", "checkpoint", "stop-after-round", "hold"} & {key.name for key in keys_for(live=False)}
    assert all(key.where is not Where.LIVE for key in keys_for(live=False))
