"""`esper train --on-alert`: a command of the user's that runs when something needs attention.

The run never waits for it, and no failure of it ends the run; failures are counted and told when the run is over.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from esper.telemetry.events import (
    AnomalyDetected,
    Event,
    GovernorRollback,
    RunEnd,
    Severity,
    SinkDetached,
    TrainingEnded,
)

MOST_AT_ONCE: Final = 4
"""So many commands may run at the same time. Alerts beyond that start none, and are counted."""
_OUTPUT: Final = "alert-command.log"


class AlertCommand:
    """A sink that runs a shell command for every alert.

    The command finds in its environment: ESPER_ALERT (one line), ESPER_ALERT_KIND (the rule, or rollback, sink_detached
    or failed), ESPER_ALERT_SEVERITY and ESPER_ALERT_RUN. Its output goes into alert-command.log in the run's folder.
    """

    name = "on-alert"
    critical = False

    def __init__(self, command: str | None, run: Path) -> None:
        """command: None runs nothing."""
        self._command = command
        self._run = run
        self._running: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self._failed = 0
        self._left_out = 0
        self._last_failure = ""

    def accept(self, event: Event) -> None:
        alert = None if self._command is None else _alert(event)
        if alert is None:
            return
        self._reap()
        if len(self._running) >= MOST_AT_ONCE:
            self._left_out += 1
        else:
            self._start(*alert)

    def _start(self, kind: str, severity: Severity, text: str) -> None:
        surroundings = os.environ | {
            "ESPER_ALERT": " ".join(text.split()),
            "ESPER_ALERT_KIND": kind,
            "ESPER_ALERT_SEVERITY": severity.value,
            "ESPER_ALERT_RUN": str(self._run),
        }
        assert self._command is not None, "without a command there are no alerts"
        self._started += 1
        try:
            with (self._run / _OUTPUT).open("ab") as output:
                process = subprocess.Popen(
                    self._command,
                    shell=True,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=surroundings,
                    start_new_session=True,  # Ctrl-C is for the run.
                )
        except (OSError, ValueError) as error:
            self._count(str(error))
        else:
            self._running.append(process)

    def _reap(self) -> None:
        """Count those that have ended, without waiting for any."""
        for process in tuple(self._running):
            code = process.poll()
            if code is not None:
                self._running.remove(process)
                if code != 0:
                    self._count(f"exit code {code}")

    def _count(self, failure: str) -> None:
        self._failed += 1
        self._last_failure = failure

    def close(self) -> None:
        """Count once more. A command that is still running goes on without the run."""
        self._reap()

    @property
    def summary(self) -> str | None:
        """What went wrong, in one sentence; None if nothing did. Commands that are still running count as well."""
        parts: list[str] = []
        if self._failed:
            parts.append(f"{self._failed} of {self._started} commands failed, the last with {self._last_failure}")
        if self._left_out:
            parts.append(f"{self._left_out} alerts started none, because {MOST_AT_ONCE} were running")
        return f"--on-alert: {'; '.join(parts)}; see {self._run / _OUTPUT}" if parts else None


def _alert(event: Event) -> tuple[str, Severity, str] | None:
    """Kind, severity and words, if this is an alert."""
    match event.payload:
        case AnomalyDetected() as anomaly:
            where = f"round {anomaly.batch}" + ("" if anomaly.env_id is None else f", env {anomaly.env_id}")
            return anomaly.rule, anomaly.severity, f"{anomaly.rule} ({where}): {anomaly.detail}"
        case GovernorRollback() as rollback:
            text = f"env {rollback.env_id} was rolled back at epoch {rollback.epoch}: {rollback.reason}"
            return "rollback", event.severity, text
        case SinkDetached() as detached:
            return "sink_detached", event.severity, f"sink {detached.sink} stopped: {detached.reason}"
        case TrainingEnded(end=RunEnd.FAILED) as ended:
            return "failed", Severity.CRITICAL, f"the run failed: {ended.error}"
        case _:
            return None
