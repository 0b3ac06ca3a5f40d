from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from esper.cli import main
from esper.history import RunDirectory, read_events, read_history
from esper.process.signals import stop_on_signals
from esper.telemetry.events import EventKind, RunEnd, TrainingEnded
from esper.training.config import TrainingConfig
from esper.training.run_control import RunControl

Esper = Callable[..., subprocess.CompletedProcess[str]]
Here = Callable[..., tuple[object, str, str]]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Runs `esper ...` in this process, which has torch at hand: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["esper", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_headless_run_ends_with_its_directory_and_leaves_the_expected_events(esper: Esper, tmp_path: Path) -> None:
    runs = tmp_path / "a runs directory with a long name, so that a narrow console would have to wrap it"
    done = esper(
        "train", "--preset", "digits", "--rounds", "1", "--envs", "1", "--episode-length", "5", "--runs-dir", runs
    )
    assert (done.returncode, done.stderr) == (
        0,
        "esper: stdin, stdout, stderr: no terminal, so the cockpit stays closed\n",
    )
    lines = done.stdout.splitlines()
    (path,) = runs.iterdir()
    assert lines[-1] == str(path)
    (round_line,) = (line for line in lines if line.startswith("round"))
    assert re.fullmatch(
        r"round 1/1  accuracy +[\d.]+ %  test +[\d.]+ %  reward +-?[\d.]+  entropy [\d.]+  [\d.,]+ env-epochs/s",
        round_line,
    )
    counts = Counter(event.kind.value for event in read_events(path))
    once = (
        "TRAINING_STARTED TRAINING_ENDED EPISODE_OUTCOME PPO_UPDATE_COMPLETED BATCH_EPOCH_COMPLETED "
        "batch_stats action_distribution throughput reward_summary mask_hit_rates"
    )
    assert {kind: counts[kind] for kind in once.split()} == dict.fromkeys(once.split(), 1)
    assert (counts["EPOCH_COMPLETED"], counts["last_action"]) == (5, 5)
    assert [summary.batch for summary in read_history(path)] == [1]


def test_options_win_over_overrides_and_reach_the_saved_config(here: Here, tmp_path: Path) -> None:
    arguments = ("--set", "run.rounds=9", "--set", "host.blocks=1", "--rounds", "1", "--envs", "2", "--seed", "5")
    code, out, err = here(
        "train", "--no-tui", *arguments, "--episode-length", "2", "--threads", "1", "--runs-dir", str(tmp_path)
    )
    assert (code, err) == (0, "")
    config = RunDirectory.open(Path(out.splitlines()[-1])).load_config()
    assert (config.run.rounds, config.run.seed, config.run.threads) == (1, 5, 1)
    assert (config.fleet.envs, config.fleet.episode_length, config.host.blocks) == (2, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "task.name=digit"), "task.name is 'digit': there is no such task"),
        (("--device", "abacus"), "run.device is 'abacus'"),
    ],
)
def test_run_that_cannot_begin_leaves_nothing_behind(
    here: Here, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = here("train", "--no-tui", *arguments, "--runs-dir", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"esper: error: {message}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_stops_in_order(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "esper.cli.main", "train", "--no-tui", "--rounds", "1000"),
            *("--envs", "1", "--episode-length", "2", "--runs-dir", str(tmp_path)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("round"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    (path,) = tmp_path.iterdir()
    assert process.returncode == 130
    assert errors == "esper: stopping after this epoch; a second signal leaves at once\n"
    assert rest.splitlines()[-1] == str(path)
    last = read_events(path)[-1].payload
    assert isinstance(last, TrainingEnded)
    assert last.end is RunEnd.STOPPED


def test_the_first_signal_requests_a_stop_and_the_old_handlers_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    control = RunControl()
    control.pause()
    with stop_on_signals(control) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert control.stop_requested
        assert not control.is_paused
    assert signals.exit_code == 143
    assert {number: signal.getsignal(number) for number in before} == before
    assert capfd.readouterr().err.count("a second signal leaves at once") == 1


def test_on_a_terminal_the_cockpit_opens(here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from esper_tui import session as cockpit

    calls: list[tuple[TrainingConfig, Path]] = []

    def open_cockpit(
        config: TrainingConfig, runs_dir: Path, *, on_hangup: str, read_only: bool, on_alert: str | None
    ) -> int:
        assert (on_hangup, read_only, on_alert) == ("continue", False, "beep")
        calls.append((config, runs_dir))
        return 3

    monkeypatch.setattr(cockpit, "train", open_cockpit)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    code, _, _ = here("train", "--rounds", "2", "--runs-dir", str(tmp_path), "--on-alert", "beep")
    assert code == 3
    ((config, runs_dir),) = calls
    assert (config.run.rounds, config.run.preset, runs_dir) == (2, "digits", tmp_path)


@pytest.mark.parametrize("named", [("cpu", "cpu"), ("cpu,cpu",)])
def test_several_devices_share_the_hosts_of_one_run(here: Here, tmp_path: Path, named: tuple[str, ...]) -> None:
    short = ("train", "--no-tui", "--rounds", "1", "--envs", "3", "--episode-length", "4", "--runs-dir")
    for folder, devices in (("whole", ()), ("shared", ("--devices", *named))):
        code, _, errors = here(*short, str(tmp_path / folder), *devices)
        assert code == 0, errors
    (whole,), (shared,) = ([*read_history(next((tmp_path / name).iterdir()))] for name in ("whole", "shared"))
    assert whole.without_timings() == shared.without_timings()


def test_words_that_belong_to_no_option_are_named(here: Here) -> None:
    code, _, errors = here("train", "cifar")
    assert (code, errors) == (2, "esper: error: there is no argument 'cifar': `esper train --help` lists the options\n")


def test_any_controller_runs_through_the_same_trainer(here: Here, tmp_path: Path) -> None:
    short = ("--rounds", "1", "--envs", "1", "--episode-length", "3", "--no-tui", "--runs-dir", str(tmp_path))
    code, out, _ = here("train", "--preset", "digits", "--controller", "schedule", *short)
    assert code == 0
    assert "entropy --" in out
    path = Path(out.splitlines()[-1])
    events = read_events(path)
    germinated = [event for event in events if event.kind is EventKind.SEED_GERMINATED]
    assert len(germinated) == 1
    assert RunDirectory.open(path).load_config().controller.name == "schedule"
    code, out, _ = here("replay", str(path), "--no-tui")
    assert code == 0
    assert "schedule" in out


def test_a_controller_that_does_not_exist_is_one_line(here: Here, tmp_path: Path) -> None:
    code, _, err = here("train", "--controller", "hillclimp", "--no-tui", "--runs-dir", str(tmp_path))
    assert (code, err.count("\n")) == (2, 1)
    assert "did you mean hillclimb" in err
    assert not list(tmp_path.iterdir())


def test_a_preset_and_a_configuration_file_are_not_mixed(here: Here, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nrounds = 1\n")
    code, _, err = here("train", "--preset", "digits", "--config", str(file), "--no-tui")
    assert code == 2
    assert err == f"esper: error: --preset digits and --config {file} both say where to start from: give one of them\n"
