"""The bell and the title: only what the settings ask for, once, and the old title at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from esper_tui.calling import Caller, title_text
from esper_tui.settings import Settings
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.alerts import Alert, Moment
from esper_tui.state.rules import Level

WARNING = Alert(
    key="env/1",
    level=Level.WARNING,
    who="env01",
    word="STAL",
    text="no new best",
    rule="stalled",
    env_id=1,
    group_id=None,
    raised=Moment(time=0.0, batch=1, epoch=2),
    position=7,
    by_trainer=False,
)
CRITICAL = replace(WARNING, key="env/2", level=Level.CRITICAL)
EMPTY = Aggregator().snapshot()


@pytest.mark.parametrize(
    ("bell", "alerts", "rings"),
    [
        ("off", [CRITICAL], 0),
        ("critical", [WARNING], 0),
        ("critical", [WARNING, CRITICAL], 1),
        ("warning", [WARNING, CRITICAL], 1),
    ],
)
def test_an_alert_rings_once(bell: str, alerts: list[Alert], rings: int) -> None:
    written: list[str] = []
    caller = Caller(Settings(bell=bell), written.append)
    for _ in range(3):
        caller.tell(EMPTY, alerts)
    assert written == ["\a"] * rings


def test_an_alert_that_is_raised_again_rings_again() -> None:
    written: list[str] = []
    caller = Caller(Settings(bell="critical"), written.append)
    caller.tell(EMPTY, [CRITICAL])
    caller.tell(EMPTY, [])
    caller.tell(EMPTY, [replace(CRITICAL, position=9)])
    assert written == ["\a", "\a"]


def test_the_title_is_written_when_it_changes_and_given_back() -> None:
    written: list[str] = []
    caller = Caller(Settings(title=True), written.append)
    for alerts in ([], [], [WARNING]):
        caller.tell(EMPTY, alerts)
    caller.leave()
    assert written == ["\x1b[22;2t", "\x1b]2;esper\a", "\x1b]2;! 1 · esper\a", "\x1b[23;2t"]


def test_without_the_setting_the_title_is_left_alone() -> None:
    written: list[str] = []
    caller = Caller(Settings(), written.append)
    caller.tell(EMPTY, [CRITICAL])
    caller.leave()
    assert written == []
    assert title_text(EMPTY, 0) == "esper"
