"""A grown network leaves its run and predicts the same: in Esper, as a torch program, and in ONNX Runtime."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from esper.contracts.actions import AlphaAlgorithm
from esper.errors import ConfigError, HistoryError
from esper.export.network import ExportFormat, export_host, load_host
from esper.export.selection import find_host
from esper.history import open_recording
from esper.history.host_files import list_hosts
from esper.history.presets import load_preset, with_overrides
from esper.tasks.registry import load_task
from esper.training.host_keeper import accuracy
from esper.training.vectorized_trainer import RunHooks, train_ppo_vectorized


@dataclass(frozen=True, slots=True)
class Grown:
    run: Path
    accuracies: dict[int, float | None]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """Two rounds of hosts that a fixed plan grows; every network is kept."""
    config = with_overrides(
        load_preset("digits_impaired"),
        [
            "run.rounds=2",
            "fleet.envs=3",
            "fleet.episode_length=14",
            "controller.name=schedule",
            "run.keep_hosts=all",
            "growth.min_training_epochs=2",
        ],
    )
    with open_recording(config, tmp_path_factory.mktemp("runs")) as recording:
        result = train_ppo_vectorized(
            config,
            RunHooks(hub=recording.hub, on_summary=recording.on_summary, on_hosts=recording.on_hosts),
        )
    records = [record for summary in result.summaries for record in summary.episode_history]
    return Grown(run=recording.directory.path, accuracies={record.episode: record.test_accuracy for record in records})


def test_the_kept_network_has_the_test_accuracy_that_the_fleet_measured(grown: Grown) -> None:
    hosts = list_hosts(grown.run)
    assert len(hosts) == 6
    assert any(host.description.seeds for host in hosts)
    for host in hosts:
        assert host.description.test_accuracy == pytest.approx(grown.accuracies[host.description.episode], abs=0.3)
        assert host.description.fleet_test_accuracy == grown.accuracies[host.description.episode]


def test_a_loaded_network_gives_the_recorded_accuracy_exactly(grown: Grown) -> None:
    saved = find_host(grown.run)
    data = load_task(load_preset("digits_impaired").task, 42)
    network = load_host(saved)
    assert accuracy(network, data.test) == saved.description.test_accuracy
    assert accuracy(network, data.validation) == saved.description.validation_accuracy


def test_parameters_and_tensor_names_are_told_as_they_are(grown: Grown) -> None:
    saved = find_host(grown.run)
    network = load_host(saved)
    assert sum(parameter.numel() for parameter in network.parameters()) == saved.description.parameters
    (seed, *_) = saved.description.seeds
    assert f"slots.{seed.slot_id}.seed.gamma" in network.state_dict()
    assert seed.algorithm in AlphaAlgorithm


def test_selection(grown: Grown) -> None:
    hosts = list_hosts(grown.run)
    best = max(host.description.validation_accuracy for host in hosts)
    assert find_host(grown.run, "best").description.validation_accuracy == best
    assert find_host(grown.run, "LAST").description.batch == 2
    some = hosts[-1].description
    assert find_host(grown.run, f"{some.env_id},{some.episode}").description == some
    with pytest.raises(ConfigError, match="there is no network '7,7'"):
        find_host(grown.run, "7,7")


def test_a_damaged_network_is_refused(grown: Grown, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "hosts" / "one").mkdir(parents=True)
    source = find_host(grown.run).path
    for name in ("host.json", "host.safetensors"):
        (run / "hosts" / "one" / name).write_bytes((source / name).read_bytes())
    assert find_host(run).description == find_host(grown.run).description
    tensors = run / "hosts" / "one" / "host.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(HistoryError, match=r"host\.safetensors is damaged"):
        find_host(run)


_ONNX = """
import sys, numpy, onnxruntime
images = numpy.load(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1])
numpy.save(sys.argv[3], session.run(["logits"], {"samples": images})[0])
assert not any(name.split(".")[0] in ("esper", "torch") for name in sys.modules)
"""

_PT2 = """
import sys, numpy, torch
images = torch.from_numpy(numpy.load(sys.argv[2]))
numpy.save(sys.argv[3], torch.export.load(sys.argv[1]).module()(images).detach().numpy())
assert not any(name.split(".")[0] == "esper" for name in sys.modules)
"""


@pytest.mark.parametrize(("form", "program"), [("onnx", _ONNX), ("pt2", _PT2)])
def test_other_programs_predict_the_same_without_esper(
    grown: Grown, tmp_path: Path, form: ExportFormat, program: str
) -> None:
    saved = find_host(grown.run)
    data = load_task(load_preset("digits_impaired").task, 42)
    images = data.test.inputs.float()
    np.save(tmp_path / "images.npy", images.numpy())
    export_host(saved, tmp_path / "network", form)
    command = [sys.executable, "-c", program, "network", "images.npy", "logits.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PATH": "/usr/bin:/bin"})
    logits = torch.from_numpy(np.load(tmp_path / "logits.npy"))
    with torch.no_grad():
        torch.testing.assert_close(logits, load_host(saved)(images), rtol=1e-4, atol=1e-4)
    right = 100.0 * float((logits.argmax(1) == data.test.targets).double().mean())
    assert right == pytest.approx(saved.description.test_accuracy, abs=1e-9)


def test_safetensors_and_pickle_hold_the_same_values(grown: Grown, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    saved = find_host(grown.run)
    export_host(saved, tmp_path / "plain", "safetensors")
    export_host(saved, tmp_path / "module", "torch")
    named = load_file(tmp_path / "plain")
    module = torch.load(tmp_path / "module", weights_only=False)
    assert named.keys() == module.state_dict().keys()
    assert all(torch.equal(value, named[name]) for name, value in module.state_dict().items())
