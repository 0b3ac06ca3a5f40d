"""Settings are found by key, table and words, and the reference page is what the code declares."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from esper.errors import ConfigError
from esper.history.explain import all_settings, find_settings
from esper.history.json_text import dump_json
from esper.history.presets import load_preset
from esper.training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
EVERY = all_settings(TrainingConfig())


def keys(query: str) -> list[str]:
    return [one.entry.key for one in find_settings(EVERY, query)]


def test_a_key_a_table_and_words() -> None:
    assert keys("ppo.clip_ratio") == ["ppo.clip_ratio"]
    assert keys("host.transformer") == [f"host.transformer.{name}" for name in ("width", "heads", "layers", "segments")]
    assert all(key.startswith("ppo.") for key in keys("ppo"))
    assert "ppo.learning_rate" in keys("step size")
    assert set(keys("learning rate")) >= {"fleet.learning_rate", "fleet.seed_learning_rate"}


def test_a_typo_is_answered_with_the_nearest_keys() -> None:
    with pytest.raises(ConfigError, match=r"no setting matches 'clip_ration': did you mean ppo\.clip_ratio"):
        keys("clip_ration")


def test_values_are_those_of_the_preset_and_documents_are_json() -> None:
    found = {one.entry.key: one for one in all_settings(load_preset("digits_impaired"))}
    assert found["host.kernel_size"].value == 1
    assert found["host.kernel_size"].entry.default == 3
    for one in found.values():
        document = json.loads(dump_json(one.document()))
        assert document["meaning"] == one.entry.declared.meaning


def test_the_reference_page_is_up_to_date() -> None:
    result = subprocess.run([sys.executable, "tools/settings_page.py", "--check"], cwd=ROOT, check=False)
    assert result.returncode == 0, "run python tools/settings_page.py"
