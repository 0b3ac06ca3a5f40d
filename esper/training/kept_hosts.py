"""What the trainer hands over to have grown networks kept. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from esper.growth.grown import GrownHost


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHost:
    """A network to be kept.

    description: what is known of it.
    write_tensors: writes its named tensors to a new file.
    """

    description: GrownHost
    write_tensors: Callable[[Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHosts:
    """What is to be on the disk after a round.

    new: networks of this round.
    names: the folders that stay, those of `new` included; every other one goes.
    left_out: why a network that would have been kept could not be, one reason each.
    """

    new: tuple[KeptHost, ...]
    names: tuple[str, ...]
    left_out: tuple[str, ...]
