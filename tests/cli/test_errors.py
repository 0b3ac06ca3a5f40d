"""What the command line says about errors, whatever their text."""

from __future__ import annotations

import pytest

from esper.cli.console.run_ending import ending_text
from esper.cli.errors import report, show_defect
from esper.errors import ConfigError
from esper.telemetry.events import RunEnd, TrainingEnded

HOSTILE = "bad\x1b[2J\nThe run finished after 3 rounds."


def test_a_traceback_is_printed_without_control_codes(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError(HOSTILE) from ValueError(HOSTILE)
    except KeyError as error:
        show_defect(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "ValueError: bad\\x1b[2J" in said
    assert "KeyError: " in said
    assert "test_errors.py" in said


def test_an_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ConfigError(HOSTILE)) == 2
    assert capsys.readouterr().err == "esper: error: bad\\x1b[2J The run finished after 3 rounds.\n"


def test_a_recorded_failure_forges_no_other_end() -> None:
    ended = TrainingEnded(end=RunEnd.FAILED, batches_completed=1, wall_seconds=2.0, error=HOSTILE)
    assert (
        ending_text(ended) == "The run failed after 1 round in 0:00:02: bad\\x1b[2J\\nThe run finished after 3 rounds."
    )
