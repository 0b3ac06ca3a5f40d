"""Moments, sizes and pictures of a recording without a terminal."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from scripted_run import ScriptedRun

from esper.errors import ConfigError
from esper_tui.picturing import View, parse_moment, parse_size, picture, position_of

EVENTS = ScriptedRun(envs=4, epochs=5).events()
VIEW = View(screen="envs", size=(100, 30), at=1.0, env_id=None, theme="esper-dark")


def words(svg: str) -> str:
    return "".join(ElementTree.fromstring(svg).itertext()).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("text", "moment", "position"),
    [
        ("end", 1.0, len(EVENTS)),
        ("0%", 0.0, 0),
        ("100%", 1.0, len(EVENTS)),
        ("7", 7, 7),
        ("999999", 999999, len(EVENTS)),
    ],
)
def test_moments(text: str, moment: float, position: int) -> None:
    assert parse_moment(text) == moment
    assert position_of(EVENTS, parse_moment(text)) == position


@pytest.mark.parametrize("text", ["", "%", "101%", "-3", "1.5", "½", "the end", "9" * 19])
def test_a_moment_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--at .*: give end, a share"):
        parse_moment(text)


def test_sizes() -> None:
    assert parse_size("160x45") == (160, 45)


@pytest.mark.parametrize("text", ["", "160", "x45", "160x", "160x45x2", "1e2x45", "10x10", "9999x45", "99999999x9"])
def test_a_size_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--size "):
        parse_size(text)


def test_a_picture_shows_its_moment_and_is_the_same_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    first = picture(EVENTS, "runs/x", VIEW)
    for name in ("COLORTERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert picture(EVENTS, "runs/x", VIEW) == first
    assert "runs/x" not in first.splitlines()[0]
    assert "round 2/2" in words(first)
    early = View(screen="detail", size=(100, 30), at=20, env_id=2, theme="esper-light")
    drawn = words(picture(EVENTS, "runs/x", early))
    assert "round 1/2" in drawn
    assert "ENV 02" in drawn


def test_an_env_that_the_run_does_not_have() -> None:
    with pytest.raises(ConfigError, match="--env 9: the run has no such env"):
        picture(EVENTS, "runs/x", View(screen="detail", size=(100, 30), at=1.0, env_id=9, theme="esper-dark"))
