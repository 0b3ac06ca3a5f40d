"""The cockpit opens only where all three streams are a terminal that can place text."""

from __future__ import annotations

import sys

import pytest

from esper.cli.run_options import wants_cockpit


@pytest.mark.parametrize(
    ("missing", "term", "said"),
    [
        ("", "xterm", ""),
        ("stderr", "xterm", "esper: stderr: no terminal, so the cockpit stays closed\n"),
        ("stdin", "xterm", "esper: stdin: no terminal, so the cockpit stays closed\n"),
        ("", "dumb", "esper: TERM is dumb, a terminal that cannot place text, so the cockpit stays closed\n"),
    ],
    ids=["terminal", "2>file", "no stdin", "dumb"],
)
def test_a_stream_that_is_no_terminal_keeps_the_cockpit_closed(
    missing: str, term: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", term)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda name=name: name != missing, raising=False)
    assert wants_cockpit(no_tui=False) is (not said)
    assert capsys.readouterr().err == said
    assert not wants_cockpit(no_tui=True)
