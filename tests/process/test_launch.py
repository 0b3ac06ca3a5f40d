"""What a launcher left in the environment is read or refused."""

from __future__ import annotations

import pytest

from esper.errors import ConfigError
from esper.process.launch import Launch, find_launch, follower_rank, require_single

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "host", "MASTER_PORT": "29500"}


def test_a_process_of_several_knows_its_place() -> None:
    assert find_launch(TORCHRUN) == Launch(rank=3, local_rank=1, size=4)
    assert follower_rank(TORCHRUN) == 3


@pytest.mark.parametrize("environment", [{}, {"WORLD_SIZE": "1", "RANK": "0"}, {"RANK": "3"}, {"WORLD_SIZE": ""}])
def test_an_ordinary_process_is_alone(environment: dict[str, str]) -> None:
    assert find_launch(environment) is None
    assert follower_rank(environment) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RANK": None}, r"WORLD_SIZE is 4 and RANK is not set: start the command with torchrun"),
        ({"MASTER_PORT": None}, r"MASTER_PORT is not set"),
        ({"RANK": "4"}, r"RANK is 4 and WORLD_SIZE is 4: ranks are numbered from 0 to 3"),
        ({"WORLD_SIZE": "two"}, r"WORLD_SIZE is 'two': expected a whole number"),
    ],
)
def test_half_a_launcher_is_refused(changes: dict[str, str | None], message: str) -> None:
    environment = {key: value for key, value in (TORCHRUN | changes).items() if value is not None}
    with pytest.raises(ConfigError, match=message):
        find_launch(environment)


def test_other_commands_run_in_one_process() -> None:
    require_single(None, "ab")
    with pytest.raises(ConfigError, match=r"`esper ab` runs in one process, and a launcher started 4"):
        require_single(find_launch(TORCHRUN), "ab")
