"""An accuracy that is no number is a state of an env, and says nothing about the others."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scripted_run import ScriptedRun

from esper.telemetry.events import EpochCompleted
from esper_tui.state.aggregator import Aggregator
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import EnvStatus

EVENTS = ScriptedRun(envs=6, epochs=8).events()


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("first", [1, 3])
def test_an_accuracy_that_is_no_number(accuracy: float, first: int) -> None:
    aggregator, seen = Aggregator(), set[EnvStatus]()
    for event in EVENTS:
        payload = event.payload
        if isinstance(payload, EpochCompleted) and payload.env_id == 2 and payload.epoch >= first:
            event = replace(event, payload=replace(payload, val_accuracy=accuracy))
        aggregator.apply(event)
        rows = aggregator.snapshot().envs
        if len(rows) == 6 and rows[2].status is EnvStatus.NOT_A_NUMBER:
            assert (rows[2].level, rows[2].rule) == (Level.CRITICAL, "finite")
            assert "accuracy" in rows[2].reason
        seen |= {row.status for row in rows if row.env_id != 2}
        assert math.isfinite(aggregator.fleet.drop)
    assert EnvStatus.NOT_A_NUMBER not in seen
