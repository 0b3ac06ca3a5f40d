"""Reward modes by name. Their components are in esper/rewards/components.py; a configuration needs the names only."""

from __future__ import annotations

from typing import Final

from esper.contracts.registry import Registry

MODES: Final[Registry[str]] = Registry("reward mode", "reward.mode")
"""One line on each mode, by its name."""

MODES.add("shaped", "attribution by ablation, rents, and potential-based shaping in every epoch")
MODES.add("escrow", "as shaped, with credit that is held back until it proves stable")
MODES.add("basic", "shaping, rent and a bonus for committed seeds, and the gain in accuracy at the end")
MODES.add("basic_plus", "as basic, with the bonus paid out in drips")
MODES.add("simplified", "shaping, a cost per intervention, and the accuracy at the end")
MODES.add("sparse", "only a score at the end")
MODES.add("minimal", "as sparse, with a penalty for pruning young seeds")
