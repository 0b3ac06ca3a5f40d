"""What a controller is shown when it must decide: one record per decision step, for the envs of one group.

Legend: E envs of the group.
"""

from __future__ import annotations

from dataclasses import dataclass

from esper.contracts.counterfactual import CounterfactualMatrix
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.masks import ActionMasks
from esper.policy.observations import Observation
from esper.policy.signals import EnvSignals


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSituation:
    """One env after an epoch, before the controller acts on it.

    view: its slots and the rules that hold there.
    counterfactual: the ablations of this epoch.
    running: False once the governor has ended the episode. Decisions for such an env are not carried out.
    """

    signals: EnvSignals
    view: GardenView
    counterfactual: CounterfactualMatrix
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Every env of a group after an epoch, which is counted from 1.

    observation: raw, on the CPU, [E, ...].
    masks: on the CPU, [E, ...].
    """

    epoch: int
    max_epochs: int
    observation: Observation
    masks: ActionMasks
    envs: tuple[EnvSituation, ...]
