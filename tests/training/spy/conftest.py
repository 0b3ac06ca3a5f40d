"""Makes the spy and the rules written anew importable, and plays each spied run once for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from spied import Spy

RUNS = ("shaped", "truncated", "loss", "lost", "groups")


def _play(name: str, played: dict[str, Spy] = {}) -> Spy:  # noqa: B006 (the runs of the session)
    from spied_runs import play

    if name not in played:
        played[name] = play(name)
    return played[name]


@pytest.fixture(params=RUNS)
def spy(request: pytest.FixtureRequest) -> Spy:
    """Each of the spied runs."""
    return _play(request.param)


@pytest.fixture
def lost() -> Spy:
    """The run into whose hosts faults were put."""
    return _play("lost")


@pytest.fixture
def every_spy() -> list[Spy]:
    return [_play(name) for name in RUNS]
