"""What a user reads about native kernels before a run begins."""

from __future__ import annotations

import pytest

from esper.cli.console import kernels
from esper.cli.console.kernels import tell_about_kernels
from esper.history.presets import with_values
from esper.training.config import TrainingConfig


def told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    compiled: bool = True,
    reason: str | None = None,
    values: dict[str, object] | None = None,
) -> str:
    monkeypatch.setattr(kernels, "is_compiled", lambda _: compiled)
    monkeypatch.setattr(kernels, "unavailable", lambda _: reason)
    tell_about_kernels(with_values(TrainingConfig(), values or {}))
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_kernels_that_are_there_need_no_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys) == ""


def test_a_compilation_is_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(monkeypatch, capsys, compiled=False)
    assert said == "esper: compiling native kernels for this machine, which takes some seconds and happens once\n"


def test_the_reason_for_doing_without_is_one_printable_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(monkeypatch, capsys, reason="there is no C compiler (gcc, cc, clang): install gcc\x1b[31m")
    assert said.count("\n") == 1
    assert "about three times slower: there is no C compiler (gcc, cc, clang): install gcc" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "values",
    [{"fleet.conv_algorithm": "grouped"}, {"host.kind": "transformer"}, {"run.device": "nonsense"}],
)
def test_a_run_that_cannot_use_kernels_compiles_none(
    values: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, compiled=False, reason="none", values=values) == ""
