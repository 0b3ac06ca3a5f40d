"""Sizes and counts that the documentation states, compared with the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import torch

from esper.contracts.actions import Blueprint
from esper.contracts.distribution import DISTRIBUTION
from esper.growth.blueprints.registry import CNN_SEEDS, build_seed
from esper.history.presets import list_presets, load_preset
from esper.layers.algorithm import StackedAlgorithm
from esper.training.config import TrainingConfig
from esper.training.controllers.registry import CONTROLLERS, make_controller

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def megabytes(config: TrainingConfig) -> str:
    """The size of what a checkpoint keeps of the controller."""
    tensors = make_controller(config, torch.device("cpu")).state().values()
    return f"{sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6:.1f} MB"


def test_the_sizes_of_checkpoints() -> None:
    small, default = re.findall(r"\d\.\d MB", page("guides/checkpoints.md").partition("## Size")[2])
    assert small == megabytes(load_preset("digits"))
    assert default == megabytes(TrainingConfig())


@pytest.mark.parametrize("blueprint", CNN_SEEDS, ids=lambda blueprint: blueprint.name)
def test_the_parameters_of_blueprints(blueprint: Blueprint) -> None:
    table = re.search(rf"^\| {blueprint.name.lower()} \|.*$", page("reference/blueprints.md"), re.MULTILINE)
    assert table is not None
    stated = [int(cell) for cell in table[0].strip("| ").split("|")[-4:]]
    assert stated == [parameters(blueprint, channels) for channels in (4, 8, 16, 32)]


def parameters(blueprint: Blueprint, channels: int) -> int:
    algorithm: StackedAlgorithm = "grouped"
    seed = build_seed(
        blueprint, channels=channels, layer_scale=1e-3, generators=[torch.Generator()], algorithm=algorithm
    )
    return sum(parameter.numel() for parameter in seed.parameters())


def test_every_controller_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", page("guides/controllers.md"), re.MULTILINE)
    assert set(CONTROLLERS.names()) <= set(rows)


def test_every_preset_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"--preset (\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= {preset.name for preset in list_presets()}


def test_the_distribution_and_its_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    for text in (path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")):
        for name, extra in re.findall(r"pip install '([\w-]+)\[(\w+)\]'", text):
            assert name == DISTRIBUTION
            assert extra in project["optional-dependencies"]
