"""The controller's observations as Gymnasium spaces: a flat box, or a dictionary of host, slots and blueprints.

Legend: E envs, S slots, D features, N blueprints.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from esper.contracts.blueprints import Blueprint, blueprint_count, every_blueprint
from esper.policy.features import BASE_FEATURES, CONDITION_FEATURES, SLOT_FEATURES, Feature, feature_table
from esper.policy.observations import NO_BLUEPRINT, Observation

ObservationKind = Literal["flat", "dict"]
Floats = NDArray[np.float32]
Flat = NDArray[np.float32]
Parts = dict[str, NDArray[np.float32] | NDArray[np.int64]]
Observed = Flat | Parts


class Observing:
    """Turns the observations of E envs into arrays that lie in the space.

    flat: float32, the features in the order of names, then for each slot one flag per blueprint.
    dict: "host" float32 [24], "slots" float32 [S, 31], and "blueprints" with S indices; 0, NOOP, is an empty slot.
        Where hosts differ, "conditions" float32 [2] is a part of its own.
    """

    def __init__(self, kind: ObservationKind, slot_ids: tuple[str, ...], *, conditions: bool = False) -> None:
        self.kind: ObservationKind = kind
        self._conditions = conditions
        self.features = (*feature_table(slot_ids, conditions=conditions), *(_flags(slot_ids) if kind == "flat" else ()))
        self._slots = len(slot_ids)
        self._blueprints = blueprint_count()
        self.space = self._flat_space() if kind == "flat" else self._dict_space()

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every number of the flat observation; in a dictionary, of host and slots."""
        return tuple(feature.name for feature in self.features)

    def batch(self, observation: Observation) -> Observed:
        """The observations of all envs, with E as the first axis."""
        features_ed = observation.features_ed.numpy().astype(np.float32)
        blueprints_es = observation.blueprints_es.numpy()
        kinds_es = np.where(blueprints_es == NO_BLUEPRINT, int(Blueprint.NOOP), blueprints_es)
        if self.kind == "flat":
            flags_esn = np.eye(self._blueprints, dtype=np.float32)[kinds_es]
            return np.concatenate([features_ed, flags_esn.reshape(len(features_ed), -1)], axis=1)
        host, slots = len(BASE_FEATURES), len(SLOT_FEATURES) * self._slots
        parts: Parts = {
            "host": features_ed[:, :host],
            "slots": features_ed[:, host : host + slots].reshape(-1, self._slots, len(SLOT_FEATURES)),
            "blueprints": kinds_es.astype(np.int64),
        }
        return {**parts, "conditions": features_ed[:, host + slots :]} if self._conditions else parts

    def of_env(self, observed: Observed, env: int) -> Observed:
        """One env's part of a batch."""
        if isinstance(observed, dict):
            return {name: values[env].copy() for name, values in observed.items()}
        return observed[env].copy()

    def _flat_space(self) -> spaces.Box:
        return _box(self.features, (len(self.features),))

    def _dict_space(self) -> spaces.Dict:
        own = {"conditions": _box(CONDITION_FEATURES, (len(CONDITION_FEATURES),))} if self._conditions else {}
        return spaces.Dict(
            {
                "host": _box(BASE_FEATURES, (len(BASE_FEATURES),)),
                "slots": _box(SLOT_FEATURES * self._slots, (self._slots, len(SLOT_FEATURES))),
                "blueprints": spaces.MultiDiscrete([self._blueprints] * self._slots),
                **own,
            }
        )


def _flags(slot_ids: tuple[str, ...]) -> list[Feature]:
    """One flag for each slot and blueprint; NOOP stands for an empty slot."""
    return [
        Feature(
            name=f"{slot}.blueprint_{blueprint.name.lower()}",
            low=0.0,
            high=1.0,
            meaning="the slot is empty" if blueprint is Blueprint.NOOP else f"the seed is {blueprint.name}",
        )
        for slot in slot_ids
        for blueprint in every_blueprint()
    ]


def _box(features: tuple[Feature, ...], shape: tuple[int, ...]) -> spaces.Box:
    low = np.array([feature.low for feature in features], dtype=np.float32).reshape(shape)
    high = np.array([feature.high for feature in features], dtype=np.float32).reshape(shape)
    return spaces.Box(low, high, dtype=np.float32)
