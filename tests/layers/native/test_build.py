"""Compiling and keeping the kernels: where it works, where it does not, and what a user is told."""

from __future__ import annotations

import ctypes
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from esper.layers.native import build, compiler, kept


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing compiled or remembered by other tests, and room for nothing outside this test's folder.

    The smallest of the kernels stands for all: what is tested here does not depend on how long a compiler takes.
    """
    monkeypatch.setattr(build, "_SOURCES", ("optimizer.c",))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path / "cache")
    another_process()
    yield
    another_process()


def another_process() -> None:
    build._library_or_reason.cache_clear()


def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "compile_kernels", lambda *_: pytest.fail("compiled again"))


def script(path: Path, commands: str) -> str:
    path.write_text(f"#!/bin/sh\n{commands}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _keep(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)


def library_in(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "cache" / "kernels").glob("*.so")
    return found


def test_a_library_is_compiled_once_and_then_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build.library(torch.float32)
    another_process()
    no_compiler(monkeypatch)
    monkeypatch.setattr(compiler.shutil, "which", lambda _: None)
    assert isinstance(build.library(torch.float32), ctypes.CDLL)
    assert library_in(tmp_path).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["truncated", "changed", "no digest", "writable by others"])
def test_a_library_that_cannot_be_trusted_is_made_again(tmp_path: Path, damage: str) -> None:
    build.library(torch.float32)
    another_process()
    path = library_in(tmp_path)
    whole = path.read_bytes()
    # This process has the library mapped: what is written into the same file would end it by SIGBUS when it exits.
    path.unlink()
    _keep(path, whole)
    match damage:
        case "truncated":
            path.write_bytes(whole[: len(whole) // 2])
        case "changed":
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "no digest":
            path.with_suffix(".sha256").unlink()
        case _:
            path.chmod(0o666)
    assert kept.load(path.name) is None
    assert isinstance(build.library(torch.float32), ctypes.CDLL)
    assert kept.load(path.name) is not None


def test_a_link_in_place_of_the_cache_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "kernels").symlink_to(tmp_path / "elsewhere")
    assert build.unavailable() is None
    assert not list((tmp_path / "elsewhere").iterdir())


def test_without_a_compiler_the_reason_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.unavailable() == "there is no C compiler (no-such-compiler): install gcc, or name one in CC"
    assert build.cpu_algorithms() == ("grouped", "loop")


def test_a_compiler_may_be_named_with_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    wrapper = script(tmp_path / "my cc", f'echo "$1" > {seen}; exec gcc "$@"')
    monkeypatch.setenv("CC", f"'{wrapper}' -m64")
    assert build.unavailable() is None
    assert seen.read_text() == "-m64\n"


def test_the_next_compiler_is_tried_when_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = script(tmp_path / "failing", "exit 1")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(compiler, "_CANDIDATES", (failing, "no-such-compiler", "gcc"))
    assert build.unavailable() is None


def test_a_compiler_with_two_names_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "gcc", "exit 1")
    (tmp_path / "cc").symlink_to("gcc")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler.compilers() == [["gcc"]]


def test_a_failure_is_passed_on_and_never_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    failing = script(tmp_path / "cc", f'echo x >> {calls}; echo "no OpenMP here" >&2; exit 1')
    monkeypatch.setenv("CC", failing)
    reasons = [build.unavailable(), build.unavailable()]
    another_process()
    reasons.append(build.unavailable())
    assert reasons == [f"{failing} cannot compile the kernels: no OpenMP here"] * 3
    assert calls.read_text() == "x\n"
    script(tmp_path / "cc", 'exec gcc "$@"')  # the compiler has been repaired
    another_process()
    assert build.unavailable() is None


def test_a_failure_is_believed_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    monkeypatch.setenv("CC", script(tmp_path / "cc", f"echo x >> {calls}; exit 1"))
    assert build.unavailable() is not None
    (failure,) = (tmp_path / "cache" / "kernels").glob("*.failed.json")
    for hours, asked in ((23, 1), (25, 2)):
        os.utime(failure, (time.time() - hours * 3600,) * 2)
        another_process()
        assert build.unavailable() is not None
        assert calls.read_text() == "x\n" * asked


def test_a_compiler_that_hangs_is_ended_with_its_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "helper"
    monkeypatch.setenv("CC", script(tmp_path / "cc", f"sh -c 'echo $$ > {helper}; exec sleep 300' & wait"))
    monkeypatch.setattr(compiler, "_SECONDS", 1.0)
    assert str(build.unavailable()).endswith("it has not finished after 1 seconds")
    for _ in range(100):
        if _is_gone(int(helper.read_text())):
            return
        time.sleep(0.05)
    pytest.fail("the helper still runs")


def _is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_cache_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    assert build.unavailable() is None
    another_process()
    no_compiler(monkeypatch)
    assert build.unavailable() is None


def test_folders_that_may_not_hold_programs_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    load = ctypes.CDLL

    def noexec(path: str) -> ctypes.CDLL:
        if not path.startswith("/proc/self/fd/"):
            raise OSError("failed to map segment from shared object")
        return load(path)

    monkeypatch.setattr(kept.ctypes, "CDLL", noexec)
    assert build.library(torch.float32)["sgd_f32"]
    assert build.library(torch.float64)["sgd_f64"]
    another_process()
    no_compiler(monkeypatch)
    assert build.unavailable() is None


def test_there_are_no_kernels_for_half_precision() -> None:
    assert build.unavailable(torch.bfloat16) == "there are no native kernels for torch.bfloat16"
