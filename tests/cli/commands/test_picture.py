from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.cli.console.image_file import converter, write_image
from esper.errors import ConfigError
from esper.history import RunDirectory

Esper = Callable[..., subprocess.CompletedProcess[str]]
SVG = "<svg/>"


def install(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder besides /bin in which programs are found."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_screen_becomes_a_file(esper: Esper, finished_run: RunDirectory, tmp_path: Path) -> None:
    out = tmp_path / "p.svg"
    done = esper("picture", finished_run.path, "--screen", "runs", "--size", "80x24", "-o", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{out}\n", "")
    assert out.read_text().startswith("<svg")
    assert list(tmp_path.glob(".esper-*")) == []


def test_mistakes_are_one_line_each(esper: Esper, finished_run: RunDirectory, tmp_path: Path) -> None:
    done = esper("picture", finished_run.path, "--screen", "env", "-o", tmp_path / "p.svg")
    assert (done.returncode, done.stderr) == (
        2,
        "esper: error: --screen env: there is no such screen; did you mean envs?\n",
    )


def test_a_folder_that_is_not_there_is_named_as_the_user_gave_it(tmp_path: Path) -> None:
    out = tmp_path / "none" / "p.svg"
    with pytest.raises(ConfigError, match=rf"{out}: there is no folder {out.parent}"):
        converter(out)
    (tmp_path / "p.svg").mkdir()
    with pytest.raises(ConfigError, match=r"p\.svg cannot be written: Is a directory"):
        write_image(SVG, tmp_path / "p.svg", None)


def test_a_png_comes_from_the_converter_that_is_installed(programs: Path, tmp_path: Path) -> None:
    install(programs, "resvg", '/bin/cat "$1" > "$2"')
    out = tmp_path / "p.png"
    write_image(SVG, out, converter(out))
    assert out.read_text() == SVG
    install(programs, "rsvg-convert", 'echo "no font" >&2; exit 3')
    with pytest.raises(ConfigError, match="rsvg-convert made no PNG: no font"):
        write_image(SVG, out, converter(out))
    assert out.read_text() == SVG, "what was there is lost"


@pytest.mark.parametrize(
    ("name", "words"), [("p.png", "needs one of rsvg-convert, resvg, inkscape"), ("p.gif", "ends in .svg or .png")]
)
def test_a_file_that_cannot_be_made_is_said_before_anything_is_read(programs: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        converter(Path(name))
    assert os.listdir(programs) == []
