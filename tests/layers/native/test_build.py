"""Compiling the kernels: where it works, where it does not, and what a user is told."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from esper.layers.native import build


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing compiled or remembered by other tests."""
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path / "cache")
    build.library.cache_clear()
    yield
    build.library.cache_clear()


def compiler(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_library_is_compiled_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.library(torch.float32)
    (kept,) = (tmp_path / "cache").iterdir()
    build.library.cache_clear()
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("compiled again"))
    build.library(torch.float32)
    assert kept.suffix == ".so"


def test_without_a_compiler_the_reason_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.unavailable() == "there is no C compiler (no-such-compiler): install gcc, or name one in CC"
    assert build.cpu_algorithms() == ("grouped", "loop")


def test_what_a_failing_compiler_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'case "$1" in --version) echo fake;; *) echo "no OpenMP here" >&2; exit 1;; esac'
    monkeypatch.setenv("CC", compiler(tmp_path / "cc", script))
    assert str(build.unavailable()).endswith("cannot compile the kernels: no OpenMP here")


def test_a_cache_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    assert build.unavailable() is None


def test_there_are_no_kernels_for_half_precision() -> None:
    assert build.unavailable(torch.bfloat16) == "there are no native kernels for torch.bfloat16"
