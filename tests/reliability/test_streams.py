"""A run survives whatever happens to its streams, and every signal is an orderly stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from esper.console import PlainConsole
from esper.contracts.text import printable
from esper.history import read_events
from esper.telemetry.events import RunEnd, TrainingEnded

SMALL = ["--no-tui", "--envs=2", "--episode-length=3", "--threads=1", "--set=fleet.steps_per_epoch=3"]
ENV = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def command(*arguments: str | Path) -> str:
    return " ".join([sys.executable, "-m", "esper", *map(str, arguments)])


def shell(line: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], cwd=cwd, capture_output=True, text=True, env=ENV | environment, timeout=120, check=False
    )


def last_event(folder: Path) -> TrainingEnded:
    (run,) = folder.iterdir()
    last = read_events(run)[-1].payload
    assert isinstance(last, TrainingEnded)
    return last


def end_of(folder: Path) -> RunEnd:
    return last_event(folder).end


@pytest.mark.parametrize(
    "how",
    [
        "{} | head -n 1",
        "{} | true",
        "{} > /dev/full",
        "{} > /dev/full 2>&1",
        "{} >&-",
        "{} 2>&-",
        "{} >&- 2>&- <&-",
        "{} <&-",
    ],
)
def test_a_run_finishes_whatever_becomes_of_its_streams(how: str, tmp_path: Path) -> None:
    done = shell(how.format(command("train", *SMALL, "--rounds=3", "--runs-dir=runs")), tmp_path)
    assert end_of(tmp_path / "runs") is RunEnd.FINISHED
    assert "Traceback" not in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir() if path.name.startswith("ev")) == ["events.jsonl"]
    assert (run / "checkpoints" / "latest").exists()


def test_an_ascii_console_shows_every_name(tmp_path: Path) -> None:
    done = shell(
        command("train", *SMALL, "--rounds=1", "--runs-dir=läufe"), tmp_path, PYTHONIOENCODING="ascii", LC_ALL="C"
    )
    assert done.returncode == 0, done.stderr
    assert "l\\xe4ufe" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_an_orderly_stop(number: signal.Signals, tmp_path: Path) -> None:
    process = start(tmp_path, "--rounds=5000")
    process.send_signal(number)
    if number is signal.SIGHUP:  # The kernel sends it, and the shell as well: the second is no order to break off.
        process.send_signal(number)
    assert process.wait(60) == 128 + number
    last = last_event(tmp_path / "runs")
    assert (last.end, last.signal) == (RunEnd.STOPPED, number.name)
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "checkpoints" / "latest").exists()


def test_a_run_can_be_told_to_outlive_its_terminal(tmp_path: Path) -> None:
    process = start(tmp_path, "--rounds=8", "--on-hangup=continue")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 0
    assert end_of(tmp_path / "runs") is RunEnd.FINISHED


def test_the_second_signal_leaves_at_once_with_readable_files(tmp_path: Path) -> None:
    process = start(tmp_path, "--rounds=5000", "--set=fleet.steps_per_epoch=20000")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    assert process.wait(60) == 130
    assert time.monotonic() - started < 30, "an epoch of this run takes minutes"
    (run,) = (tmp_path / "runs").iterdir()
    assert read_events(run)[0].seq == 1


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """A run that has written something."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "esper",
            "train",
            *SMALL,
            "--set=run.checkpoint_interval=1",
            "--runs-dir=runs",
            *options,
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENV,
    )
    steps = any("steps" in option for option in options)
    wanted = "*/events.jsonl" if steps else "*/checkpoints/latest"
    for _ in range(1200):
        files = list((folder / "runs").glob(wanted))
        if files and files[0].read_bytes().count(b"\n") >= (2 if steps else 0):  # the header and one event
            return process
        time.sleep(0.05)
    raise AssertionError("the run did not start")


def test_text_from_elsewhere_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "task[red]\x1b[2J\x1b]0;title\x07\nrun finished"
    assert printable(hostile) == "task[red]\\x1b[2J\\x1b]0;title\\x07\\nrun finished"
    PlainConsole().print(hostile, soft_wrap=True)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "task[red]" in shown


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = shell(command("train", *SMALL, "--rounds=1", "--runs-dir=file/runs"), tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("esper: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_working_directory_that_was_deleted_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(
        f"cd gone; rmdir ../gone; {command('train', *SMALL, '--rounds=1', f'--runs-dir={tmp_path}')}", tmp_path
    )
    assert done.returncode == 2
    assert done.stderr == "esper: error: the working directory was deleted: change to another one, as with `cd ~`\n"
    assert list(tmp_path.iterdir()) == []
