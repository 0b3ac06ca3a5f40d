"""The environments' names in Gymnasium. Once Esper is installed, Gymnasium calls register() when it is imported."""

from __future__ import annotations

from typing import Final

import gymnasium

_SINGLE: Final = "esper.environments.single:GrowthEnv"
_VECTOR: Final = "esper.environments.vector:GrowthVectorEnv"
PRESETS: Final = {"Esper/Digits-v0": "digits", "Esper/DigitsImpaired-v0": "digits_impaired"}


def register() -> None:
    """Register every name once. Esper/Growth-v0 takes the preset as an argument."""
    if "Esper/Growth-v0" in gymnasium.registry:
        return
    for name, preset in PRESETS.items():
        gymnasium.register(name, entry_point=_SINGLE, vector_entry_point=_VECTOR, kwargs={"preset": preset})
    gymnasium.register("Esper/Growth-v0", entry_point=_SINGLE, vector_entry_point=_VECTOR)
