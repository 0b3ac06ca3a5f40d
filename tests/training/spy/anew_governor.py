"""What the governor must do with one env, epoch by epoch, written anew from its page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, pstdev

from anew_seeds import COOLING, LIVE, stage
from spied import Slots

from esper.training.config import GovernorConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What is to happen to one env.

    snapshots: the epochs after which a copy is taken.
    lost: the epoch in which the host is given up, and why.
    """

    snapshots: list[int]
    lost: tuple[int, str] | None


def supervise(
    losses: list[float], slots: list[Slots], fossilised: list[bool], rules: GovernorConfig, guess: float
) -> Supervision:
    """The duties towards an env with these losses.

    slots: at each epoch.
    fossilised: whether the step before this epoch committed a seed.
    """
    window: list[float] = []
    snapshots, held, odd, due = [0], set[tuple[str, bool]](), 0, False
    for epoch, (loss, now, committed) in enumerate(zip(losses, slots, fossilised, strict=True), start=1):
        due = due or committed
        if not math.isfinite(loss):
            return Supervision(snapshots=snapshots, lost=(epoch, "governor_nan"))
        if len(window) >= rules.min_samples:
            mean = fmean(window)
            if mean < 0.6 * guess and abs(loss - guess) < 0.065 * guess:
                return Supervision(snapshots=snapshots, lost=(epoch, "governor_lobotomy"))
            limits = (rules.random_guess_multiplier * guess, mean + rules.sensitivity * pstdev(window))
            if loss > max(*limits, rules.multiplier * mean):
                odd += 1
                if odd >= rules.panics_to_rollback:
                    return Supervision(snapshots=snapshots, lost=(epoch, "governor_divergence"))
                continue
        odd, window = 0, [*window, loss][-rules.window :]
        # A seed that gained or lost its gate is another module.
        alive = {
            (seed.seed_id, seed.alpha_algorithm.name == "GATE")
            for seed in now
            if seed is not None and stage(seed) not in COOLING
        }
        if epoch % rules.snapshot_interval == 0 or due or not alive <= held:
            snapshots.append(epoch)
            held, due = alive, False
    return Supervision(snapshots=snapshots, lost=None)


def given_up(slots: Slots) -> list[int]:
    """The slots whose seeds go when the host is lost."""
    return [slot for slot, seed in enumerate(slots) if stage(seed) in LIVE]
