"""The CIFAR presets: the sizes of their hosts, and a run on a small archive in the real layout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from esper.cli import main
from esper.growth.hosts.cnn import StackedCNNHost
from esper.history import RunDirectory, read_events, read_history
from esper.history.presets import load_preset
from esper.telemetry.events import TrainingStarted


class Cifar(Protocol):
    def cifar10(self, folder: Path, per_file: int = 40) -> dict[str, NDArray[np.uint8]]: ...
    def archive(self, folder: Path, path: Path) -> Path: ...


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("cifar_baseline", 6_418), ("cifar_scale", 99_922), ("cifar_impaired", 77), ("cifar_minimal", 164)],
)
def test_host_has_the_parameters_of_the_original(preset: str, parameters: int) -> None:
    host = StackedCNNHost(
        load_preset(preset).host,
        input_shape=(3, 32, 32),
        num_classes=10,
        generators=[torch.Generator()],
        algorithm="grouped",
    )
    assert sum(parameter.numel() for parameter in host.parameters()) == parameters


@pytest.mark.parametrize("preset", ["cifar_scale", "cifar_impaired", "cifar_minimal"])
def test_real_cifar_is_augmented(preset: str) -> None:
    task = load_preset(preset).task
    assert (task.name, task.augment) == ("cifar10", True)


def train(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> object:
    """The exit code of `esper train --no-tui ...`, one round of one host for two epochs."""
    short = ("--rounds", "1", "--envs", "1", "--episode-length", "2", "--threads", "1")
    monkeypatch.setattr(sys, "argv", ["esper", "train", "--no-tui", *short, *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code


def test_minimal_trains_on_an_archive(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cifar.cifar10(tmp_path / "files")
    archive = cifar.archive(tmp_path / "files", tmp_path / "small.tar.gz")
    code = train(
        monkeypatch,
        *("--preset", "cifar_minimal", "--set", f"task.path={archive}", "--set", "fleet.batch_size=32"),
        *("--runs-dir", tmp_path / "runs"),
    )
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    run = Path(out.splitlines()[-1])
    started = next(event.payload for event in read_events(run) if isinstance(event.payload, TrainingStarted))
    assert (started.task, started.host_params, started.steps_per_epoch) == ("cifar10", 164, 180 // 32)
    (summary,) = read_history(run)
    assert summary.episode_history[0].test_accuracy is not None
    assert RunDirectory.open(run).load_config().task.path == str(archive)


def test_any_preset_trains_on_cifar10_from_a_folder(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cifar.cifar10(tmp_path / "files")
    folder = tmp_path / "files"
    code = train(
        monkeypatch,
        *("--preset", "cifar_baseline", "--set", "task.name=cifar10", "--set", f"task.path={folder}"),
        *("--set", "fleet.batch_size=32", "--runs-dir", tmp_path / "runs"),
    )
    assert code == 0
    assert capsys.readouterr().out.startswith("cifar10: 1 hosts of 6,418 parameters")


def test_a_damaged_data_set_is_one_line_and_exit_code_2(
    cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cifar.cifar10(tmp_path / "files")
    file = tmp_path / "files" / "test_batch.bin"
    file.write_bytes(file.read_bytes()[:-7])
    for path, problem in ((tmp_path / "files", "truncated"), (tmp_path / "absent", "nothing there")):
        code = train(
            monkeypatch, "--preset", "cifar_minimal", "--set", f"task.path={path}", "--runs-dir", tmp_path / "runs"
        )
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        assert err.startswith("esper: error: ")
        assert problem in err
        assert err.count("\n") == 1
        assert not any((tmp_path / "runs").glob("*"))
