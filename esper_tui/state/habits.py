"""Patterns in what was decided for one env within one episode, which the decisions one by one do not show."""

from __future__ import annotations

from collections import Counter
from typing import Final

from esper.telemetry.events import LastAction, SeedPruned
from esper_tui.state.episode import EpisodeView

STUCK_AFTER: Final = 5
"""Refusals in a row that are called being stuck."""

THRASH_AFTER: Final = 3
"""Prunes in one slot within an episode that are called thrashing."""

ALPHA_SWINGS: Final = 3
"""New alpha goals for one slot in a row of decisions other than to wait that are called swinging."""


def habits(episode: EpisodeView, epoch: int) -> tuple[str, ...]:
    """What is found up to an epoch, each in a sentence."""
    decided = [one for one in episode.decisions if one.epoch <= epoch]
    cuts = Counter(
        mark.payload.slot_id for mark in episode.seeds if isinstance(mark.payload, SeedPruned) and mark.epoch <= epoch
    )
    found = [f"STUCK: the last {_refused_in_a_row(decided)} ops were refused"] if _is_stuck(decided) else []
    for slot_id, count in cuts.items():
        found += [f"THRASH: {count} seeds were cut in {slot_id}"] if count >= THRASH_AFTER else []
    swings = _alpha_swings(decided)
    if swings >= ALPHA_SWINGS:
        found.append(f"ALPHA SWINGS: {swings} new alpha goals for {_acted(decided)[-1].slot_id} in a row")
    return tuple(found)


def _acted(decided: list[LastAction]) -> list[LastAction]:
    return [one for one in decided if one.op != "WAIT"]


def _refused_in_a_row(decided: list[LastAction]) -> int:
    acted = _acted(decided)
    return next((index for index, one in enumerate(reversed(acted)) if one.success), len(acted))


def _is_stuck(decided: list[LastAction]) -> bool:
    return _refused_in_a_row(decided) >= STUCK_AFTER


def _alpha_swings(decided: list[LastAction]) -> int:
    """How many of the last ops in a row set the alpha goal of one slot."""
    acted = _acted(decided)
    if not acted:
        return 0
    slot_id = acted[-1].slot_id
    count = 0
    for one in reversed(acted):
        if one.op != "SET_ALPHA_TARGET" or one.slot_id != slot_id:
            break
        count += 1
    return count
