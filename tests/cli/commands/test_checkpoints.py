from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.history import RunDirectory

Esper = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(trained: tuple[Path, object], tmp_path: Path) -> Path:
    """A run with checkpoints after its second and third round, to be damaged."""
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


def test_whole_checkpoints_are_listed_the_newest_first(esper: Esper, run: Path) -> None:
    done = esper("checkpoints", run)
    assert (done.returncode, done.stderr) == (0, "")
    _, newest, older, way_on = done.stdout.splitlines()
    assert newest.split()[:2] == ["round-000003", "3"]
    assert "whole" in newest
    assert "latest" in newest
    assert older.split()[:2] == ["round-000002", "2"]
    assert "latest" not in older
    assert way_on == f"Go on from one with: esper train --resume {run}/checkpoints/round-000003"


def test_a_changed_bit_is_found(esper: Esper, run: Path) -> None:
    state = run / "checkpoints" / "round-000003" / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    done = esper("checkpoints", run)
    assert done.returncode == 1
    assert f"{state} is not what was written: it is damaged" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("round-000002")
    newest, older = map(json.loads, esper("checkpoints", run, "--json").stdout.splitlines())
    assert "damaged" in newest["problem"]
    assert (older["problem"], older["rounds_completed"]) == (None, 2)


def test_a_run_without_one_says_so(esper: Esper, finished_run: RunDirectory) -> None:
    done = esper("checkpoints", finished_run.path)
    assert done.returncode == 0
    assert "has no checkpoint yet" in done.stdout
