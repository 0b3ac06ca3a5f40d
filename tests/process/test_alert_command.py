"""A command for every alert: what it is told, and that nothing of it reaches the run."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.process.alert_command import MOST_AT_ONCE, AlertCommand
from esper.telemetry.events import (
    AnomalyDetected,
    AnomalyType,
    Payload,
    RunEnd,
    Severity,
    SinkDetached,
    TrainingEnded,
)
from esper.telemetry.hub import Hub

ANOMALY = AnomalyDetected(
    anomaly=next(iter(AnomalyType)),
    rule="entropy_collapse",
    severity=Severity.CRITICAL,
    batch=3,
    value=0.1,
    limit=0.2,
    detail="entropy is low; $(touch hacked) `touch hacked`",
    epoch=None,
    env_id=4,
    slot_id=None,
    head=None,
)


def run_with(command: str | None, run: Path, *payloads: Payload) -> AlertCommand:
    alerts = AlertCommand(command, run)
    hub = Hub()
    hub.add_sink(alerts)
    for payload in payloads:
        hub.emit(payload)
    assert hub.failures == ()
    return alerts


def test_the_command_is_told_what_happened_and_where(tmp_path: Path) -> None:
    told = tmp_path / "told"
    variables = "$ESPER_ALERT_SEVERITY|$ESPER_ALERT_KIND|$ESPER_ALERT_RUN|$ESPER_ALERT"
    run_with(f'echo "{variables}" > {shlex.quote(str(told))}.part; mv {told}.part {told}', tmp_path, ANOMALY)
    wait_for(told.exists)
    assert told.read_text() == (
        f"critical|entropy_collapse|{tmp_path}|entropy_collapse (round 3, env 4): {ANOMALY.detail}\n"
    )
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (SinkDetached(sink="mine", reason="gone"), True),
        (TrainingEnded(end=RunEnd.FAILED, batches_completed=1, wall_seconds=1.0, error="boom", signal=None), True),
        (TrainingEnded(end=RunEnd.FINISHED, batches_completed=1, wall_seconds=1.0, error=None, signal=None), False),
    ],
)
def test_what_counts_as_an_alert(tmp_path: Path, payload: Payload, starts: bool) -> None:
    alerts = run_with("exit 3", tmp_path, payload)
    wait_for(lambda: not starts or summary(alerts) is not None)
    assert (summary(alerts) is not None) == starts


def test_failures_are_counted_and_told(tmp_path: Path) -> None:
    alerts = run_with("echo why; exit 3", tmp_path, ANOMALY)
    wait_for(lambda: summary(alerts) is not None)
    log = tmp_path / "alert-command.log"
    assert summary(alerts) == f"--on-alert: 1 of 1 commands failed, the last with exit code 3; see {log}"
    assert log.read_text() == "why\n"


def test_commands_that_take_long_hold_nothing_up(tmp_path: Path) -> None:
    started = time.monotonic()
    alerts = run_with("sleep 20", tmp_path, *[ANOMALY] * (MOST_AT_ONCE + 2))
    alerts.close()
    assert time.monotonic() - started < 15
    assert "2 alerts started none, because 4 were running" in (alerts.summary or "")
    for process in alerts._running:
        process.kill()
        process.wait()


def test_without_a_command_nothing_runs(tmp_path: Path) -> None:
    assert run_with(None, tmp_path, ANOMALY).summary is None
    assert not list(tmp_path.iterdir())


def summary(alerts: AlertCommand) -> str | None:
    alerts.close()
    return alerts.summary


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
