"""docs/rewards.md tells every component of every mode, and every key of the config that weighs one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from esper.rewards.components import CONTRIBUTION_MODES, LOSS_COMPONENTS
from esper.rewards.config import RewardMode

PAGE = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| ([a-z_*() ]+) \| (.*) \|$", PAGE, re.MULTILINE))


def listed(row: str) -> list[str]:
    return ROWS[row].replace("*dense*", ROWS["*dense*"]).split(", ")


@pytest.mark.parametrize("mode", CONTRIBUTION_MODES)
def test_the_table_of_modes_is_true(mode: RewardMode) -> None:
    assert listed(mode) == [component.name for component in CONTRIBUTION_MODES[mode]]


def test_the_row_of_the_loss_family_is_true() -> None:
    assert listed("(loss family)") == [component.name for component in LOSS_COMPONENTS]


def test_every_component_has_a_row_with_formula_bounds_and_source() -> None:
    every = {item.name for components in CONTRIBUTION_MODES.values() for item in components}
    every |= {item.name for item in LOSS_COMPONENTS}
    for name in every:
        cells = ROWS[name].split(" | ")
        assert len(cells) == 3, name
        assert re.search(r"\d\.\d|decision", cells[-1]), name
