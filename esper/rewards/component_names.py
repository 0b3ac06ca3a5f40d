"""The names of the components of the contribution family, which a mode may name one by one."""

from __future__ import annotations

from typing import Final

COMPONENT_NAMES: Final = frozenset(
    {
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
)
"""They stand here, apart from the components themselves, because those read the configuration, which reads modes."""
