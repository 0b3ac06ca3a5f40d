"""`esper search`: what it prints is what `esper evaluate` takes, and mistakes are one line."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable

import pytest

from esper.cli import main
from esper.history.presets import load_preset, with_overrides

Here = Callable[..., tuple[object, str, str]]
SHORT = ("--preset", "digits_dial", "--episode-length", "6", "--threads", "1", "--set", "fleet.steps_per_epoch=2")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Here:
    """Runs `esper search ...` in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["esper", "search", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capfd.readouterr()

    return run


def test_what_is_printed_is_a_schedule_that_can_be_evaluated(here: Here) -> None:
    code, out, err = here(*SHORT, "--budget", "192")
    assert code == 0, err
    assert "4 on 4 hosts, 2 on 8 hosts" in err
    assert "worth" in out
    options = shlex.split(out[out.index("--set") :])
    schedule = with_overrides(load_preset("digits_dial"), options[1::2]).controller.schedule
    _, lines, _ = here(*SHORT, "--budget", "192", "--json")
    best = json.loads(lines.splitlines()[0])
    assert list(schedule.germinate_epochs) == best["schedule"]["germinate_epochs"]
    assert list(schedule.slots) == best["schedule"]["slots"]
    assert len(lines.splitlines()) == 4


def test_a_budget_that_is_too_small_is_one_line(here: Here) -> None:
    code, out, err = here(*SHORT, "--budget", "40")
    assert (code, out) == (2, "")
    assert "a budget of 40 host epochs is too small" in err
    assert len(err.strip().splitlines()) == 1
