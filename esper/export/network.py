"""Grown networks of a saved run as torch modules, and for other programs: ONNX, torch.export, safetensors, pickle."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from esper.contracts.distribution import install_extra
from esper.contracts.files import read_file
from esper.errors import ConfigError
from esper.fleet.plain.grown import GrownNetwork
from esper.history.host_files import SavedHost

ExportFormat = Literal["safetensors", "onnx", "pt2", "torch"]


def load_host(saved: SavedHost) -> GrownNetwork:
    """A saved network, ready to predict: it reads stored samples and returns logits (see GrownNetwork).

    Raises:
        ConfigError: it was grown with a plug-in that is not loaded, or its tensors are not those of its description.
    """
    network = GrownNetwork(saved.description)
    try:
        network.load_state_dict(load(read_file(saved.tensors_path, most=None)))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ConfigError(f"{saved.tensors_path} does not fit its description: {error}") from error
    return network.eval()


def export_host(saved: SavedHost, target: Path, form: ExportFormat) -> None:
    """Write a saved network in a form that other programs read.

    safetensors: the named tensors, with nothing else.
    onnx: a graph for ONNX Runtime and others; its input is "samples", its output "logits", and the batch size is free.
    pt2: a program of torch.export, for torch.export.load, which needs no Esper.
    torch: the module itself, pickled; torch.load needs Esper and weights_only=False, so only open files that you trust.

    Raises:
        ConfigError: the network cannot be loaded, or what the form needs is not installed.
        OSError: the file cannot be written.
    """
    _WRITERS[form](saved, target)


def _safetensors(saved: SavedHost, target: Path) -> None:
    shutil.copyfile(saved.tensors_path, target)


def _torch(saved: SavedHost, target: Path) -> None:
    torch.save(load_host(saved), target)


def _pt2(saved: SavedHost, target: Path) -> None:
    network = load_host(saved)
    program = torch.export.export(
        network, (example_samples(network, 2),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
    )
    torch.export.save(program, target)


def _onnx(saved: SavedHost, target: Path) -> None:
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"ONNX needs {' and '.join(missing)}: {install_extra('onnx')}")
    network = load_host(saved)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # These warnings are the exporter's own, about its internals.
        torch.onnx.export(
            network,
            (example_samples(network, 2),),
            target,
            input_names=["samples"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


_WRITERS: Final[dict[ExportFormat, Callable[[SavedHost, Path], None]]] = {
    "safetensors": _safetensors,
    "onnx": _onnx,
    "pt2": _pt2,
    "torch": _torch,
}
FORMATS: Final = tuple(_WRITERS)
SUFFIXES: Final[dict[ExportFormat, str]] = {
    "safetensors": ".safetensors",
    "onnx": ".onnx",
    "pt2": ".pt2",
    "torch": ".pt",
}


def example_samples(network: GrownNetwork, count: int) -> Tensor:
    """Samples of the right shape and type: float32 images, or int64 tokens."""
    shape = (count, *network.description.input_shape)
    tokens = len(network.description.input_shape) == 1
    return torch.zeros(shape, dtype=torch.int64) if tokens else torch.zeros(shape)
