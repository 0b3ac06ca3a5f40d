"""Rewards by name: whole modes, single components, and sums of both.

What they compute is in esper/rewards/components.py; a configuration needs the names only.
"""

from __future__ import annotations

from typing import Final

from esper.contracts.registry import Registry, nearest
from esper.contracts.settings import shown
from esper.errors import ConfigError

MODES: Final[Registry[str]] = Registry("reward mode", "reward.mode")
"""One line on each mode, by its name."""


COMPONENT_NAMES: Final[set[str]] = {
    "action_cost",
    "action_shaping",
    "alpha_shock",
    "auto_prune_penalty",
    "blending_warning",
    "bounded_attribution",
    "budget_rent",
    "commit_advance",
    "commit_bonus",
    "commit_drip",
    "compute_rent",
    "contributing_fossil_bonus",
    "escrow_delta",
    "escrow_forfeit",
    "final_accuracy_bonus",
    "fossilize_terminal_bonus",
    "fossilized_rent",
    "germination_clawback",
    "hindsight_credit",
    "holding_warning",
    "intervention_cost",
    "occupancy_rent",
    "pbrs_bonus",
    "ratio_penalty",
    "size_cost",
    "sparse_score",
    "synergy_bonus",
    "terminal_bonus",
    "terminal_delta",
    "young_prune_penalty",
}
"""The components of the contribution family that may be named one by one; plug-ins add to them."""


def mode_parts(mode: str) -> tuple[str, ...]:
    """The modes and components that a value of reward.mode adds up, as in "basic+mine".

    Raises:
        ConfigError: one of them does not exist, or is named twice.
    """
    parts = tuple(part.strip() for part in mode.split("+"))
    for part in parts:
        if part not in MODES.names() and part not in COMPONENT_NAMES:
            hint = nearest(part, {*MODES.names(), *COMPONENT_NAMES})
            if hint.startswith("choose"):  # Nothing is near, and there are some thirty components.
                hint = nearest(part, MODES.names())
            name = "" if len(parts) == 1 else f" or component as {shown(part)}"
            raise ConfigError(f"reward.mode is {shown(mode)}: there is no such reward mode{name}; {hint}")
        if parts.count(part) > 1:
            raise ConfigError(f"reward.mode is {shown(mode)}: it names {part} twice")
    return parts


MODES.add("shaped", "attribution by ablation, rents, and potential-based shaping in every epoch")
MODES.add("escrow", "as shaped, with credit that is held back until it proves stable")
MODES.add("basic", "shaping, rent and a bonus for committed seeds, and the gain in accuracy at the end")
MODES.add("basic_plus", "as basic, with the bonus paid out in drips")
MODES.add("simplified", "shaping, a cost per intervention, and the accuracy at the end")
MODES.add("sparse", "only a score at the end")
MODES.add("minimal", "as sparse, with a penalty for pruning young seeds")
