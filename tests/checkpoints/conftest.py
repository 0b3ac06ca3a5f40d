from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for short_runs

from esper.training.vectorized_trainer import TrainingResult


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainingResult]:
    """A run of three rounds with a checkpoint after the second and the third. Do not change its files."""
    from short_runs import record, short_config

    return record(short_config("run.rounds=3", "run.checkpoint_interval=2"), tmp_path_factory.mktemp("runs"))
