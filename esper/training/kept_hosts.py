"""What the trainer hands over for grown networks to be kept. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from esper.growth.grown import GrownHost


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHost:
    """A network to be kept.

    description: what is known about it.
    write_tensors: writes its named tensors to a new file.
    """

    description: GrownHost
    write_tensors: Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHosts:
    """What is to be on the disk after a round.

    new: the networks of this round.
    names: the folders that stay, including those of `new`; every other one is removed.
    left_out: the reasons why networks that would have been kept could not be.
    """

    new: tuple[KeptHost, ...]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
