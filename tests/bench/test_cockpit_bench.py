"""The cockpit's benchmark: what its figures are made of, and a real run on a pseudo-terminal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from esper.bench.cockpit import CASE, CASES, SCREEN_KEYS, SCREEN_TARGET_PERCENT, screen_figures
from esper.bench.terminal_run import MeasuredRun, Terminal, cpu_seconds, train_measured
from esper.errors import ConfigError
from esper.history.reader import read_events
from esper_tui.keys import KEYS
from esper_tui.reducer_speed import events_per_second
from esper_tui.screens.registry import SCREENS

TINY = ("--preset", "digits", "--envs", "2", "--rounds", "1", "--episode-length", "3", "--threads", "1")


def test_the_figures_are_speed_cpu_time_and_share_of_a_core() -> None:
    shown = MeasuredRun(env_epochs=100, seconds=11.0, cpu_seconds=9.24)
    headless = MeasuredRun(env_epochs=100, seconds=10.0, cpu_seconds=8.8)
    speed, cpu, core = screen_figures(CASE, [(shown, headless)])
    assert (speed.case, cpu.case, core.case) == (CASE, f"{CASE}-cpu", f"{CASE}-core")
    assert speed.ratio == pytest.approx(10 / 11)
    assert cpu.ratio == pytest.approx(8.8 / 9.24)
    assert (core.ours, core.theirs) == (pytest.approx(4.0), SCREEN_TARGET_PERCENT)
    assert core.ratio == pytest.approx(2.0)


def test_every_screen_is_a_case_and_is_brought_up_by_its_key() -> None:
    number_keys = {key.name: key.keys.encode() for key in KEYS} | {"detail": b"\r"}
    for kind in SCREENS[1:]:
        assert SCREEN_KEYS[f"{CASE}-{kind.NAME}"] == number_keys[kind.NAME]
    assert len(CASES) == len(SCREENS) + 1


def test_a_run_in_the_cockpit_is_measured_from_its_first_epoch_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    run = train_measured(TINY, Terminal(size=(140, 50), keys=b"2"), keep=log)
    assert run.env_epochs == 6
    assert run.seconds > 0
    assert run.cpu_seconds > 0
    assert events_per_second(read_events(log)) > 0


def test_a_run_that_cannot_start_is_an_error() -> None:
    with pytest.raises(ConfigError, match="exit code 2"):
        train_measured(["--preset", "none-such"], None)


def test_without_proc_nothing_is_measured() -> None:
    assert cpu_seconds(os.getpid()) > 0
    with pytest.raises(ConfigError, match="Linux only"):
        cpu_seconds(0)
