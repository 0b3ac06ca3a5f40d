from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "samples" / "version-1"

Esper = Callable[..., subprocess.CompletedProcess[str]]


def facts(text: str) -> dict[str, str]:
    """The rows of the output: names, which may have spaces, stand in 17 columns."""
    return {line[:17].strip(): line[17:].strip() for line in text.splitlines()}


def test_doctor_says_how_a_run_was_made(esper: Esper, trained: tuple[Path, object]) -> None:
    done = esper("doctor", trained[0])
    assert (done.returncode, done.stderr) == (0, "")
    rows = facts(done.stdout)
    assert rows["run"] == trained[0].name
    assert rows["data"].startswith("digits, sha256 ")
    assert rows["threads"] == "1"
    assert {"command", "host name", "processor", "torch", "blas", "compiler", "plug-ins"} <= set(rows)


def test_what_version_1_does_not_say_is_missing(esper: Esper) -> None:
    done = esper("doctor", SAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    rows = facts(done.stdout)
    assert rows["blas"] == "--"
    assert rows["data"] == "digits, sha256 --"
    assert rows["made"].startswith("--")


def test_doctor_of_no_run_is_one_line(esper: Esper, tmp_path: Path) -> None:
    done = esper("doctor", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not a run directory" in done.stderr
