"""How the ranks of a run pause and stop together, whichever of them was asked to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from esper.training.ranks.protocol import Ranks
from esper.training.run_control import LOOK_SECONDS, RunControl


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What one rank was asked for."""

    stop: bool
    paused: bool
    signal: str | None


def may_go_on(control: RunControl, ranks: Ranks, save: Callable[[], None]) -> bool:
    """Hold the run before its next host epoch while it is paused, and return whether it goes on.

    All ranks return the same, at the same epoch.

    save: as for RunControl.wait_while_paused.
    """
    if ranks.size == 1:
        control.wait_while_paused(save)
        return not control.stop_requested
    while True:
        control.save_if_asked(save)
        own = _Wishes(control.stop_requested, control.is_paused, control.stop_signal)
        wishes = ranks.gather(own)
        if any(one.stop for one in wishes):
            named = [one.signal for one in wishes if one.signal is not None]
            control.request_stop(signal=named[0] if named else None)
            return False
        if not any(one.paused for one in wishes):
            return True
        time.sleep(LOOK_SECONDS)


def ends_after_round(control: RunControl, ranks: Ranks) -> bool:
    """Whether any rank was asked to end once the round is complete."""
    return any(ranks.gather(control.stop_after_round_requested))
