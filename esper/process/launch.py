"""Whether a launcher such as torchrun started this process as one of several, told from the environment alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from esper.errors import ConfigError

_NEEDED: Final = ("RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The place of this process among those of its run.

    rank: its number, from 0.
    local_rank: its number among those of this machine.
    size: the number of processes.
    """

    rank: int
    local_rank: int
    size: int


def find_launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """The place that the launcher gave this process; None if it is the only one.

    Raises:
        ConfigError: WORLD_SIZE says that there are several processes, and the rest is missing or no number.
    """
    size = _number(environment, "WORLD_SIZE", default="1")
    if size <= 1:
        return None
    for name in _NEEDED:
        if name not in environment:
            raise ConfigError(
                f"WORLD_SIZE is {size} and {name} is not set: start the command with torchrun, which sets both, or "
                "unset WORLD_SIZE to train in one process"
            )
    rank = _number(environment, "RANK", default="0")
    if rank >= size:
        raise ConfigError(f"RANK is {rank} and WORLD_SIZE is {size}: ranks are numbered from 0 to {size - 1}")
    return Launch(rank=rank, local_rank=_number(environment, "LOCAL_RANK", default="0"), size=size)


def follower_rank(environment: Mapping[str, str] = os.environ) -> int | None:
    """The number of this process if it is one of several and not the first."""
    try:
        launch = find_launch(environment)
    except ConfigError:
        return None
    return launch.rank if launch is not None and launch.rank > 0 else None


def require_single(launch: Launch | None, command: str) -> None:
    """Refuse a command that does not share its work with other processes.

    Raises:
        ConfigError: a launcher started several.
    """
    if launch is not None:
        raise ConfigError(
            f"`esper {command}` runs in one process, and a launcher started {launch.size}: only `esper train` shares "
            "its work; start this without torchrun"
        )


def _number(environment: Mapping[str, str], name: str, *, default: str) -> int:
    text = environment.get(name) or default
    if not text.isdecimal():
        raise ConfigError(f"{name} is {text!r}: expected a whole number, as torchrun sets it")
    return int(text)
