"""An env in any state, as a rule sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from esper.contracts.actions import Topology
from esper.contracts.counterfactual import CounterfactualMatrix, MaskedAccuracy
from esper.contracts.seeds import SeedInfo
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.predicates import GardenView
from esper.policy.legal import LegalChoices, legal_choices
from esper.policy.masks import build_masks
from esper.policy.signals import EnvSignals, after_epoch
from esper.policy.situation import EnvSituation

GROWTH = GrowthConfig(min_training_epochs=3, min_prune_age=2, embargo_epochs=2)
Scene = tuple[EnvSituation, LegalChoices]
MakeScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def scene() -> MakeScene:
    """Makes an env after some epoch (of 25), of which these slots are known, and what is legal there."""

    def make(
        *slots: SeedInfo | None, epoch: int = 10, accuracy: float = 50.0, before: float = 50.0, loss: float = 1.0
    ) -> Scene:
        signals = replace(EnvSignals.initial(25), epoch=epoch - 1, val_loss=1.0, val_accuracy=before)
        view = GardenView(slots=slots or (None, None), config=GROWTH)
        off = (False,) * len(view.slots)
        situation = EnvSituation(
            signals=after_epoch(signals, val_loss=loss, val_accuracy=accuracy),
            view=view,
            counterfactual=CounterfactualMatrix(
                active=off, committed=off, measurements=(MaskedAccuracy(slots_on=off, accuracy=accuracy),)
            ),
            running=True,
        )
        return situation, legal_choices(build_masks([view], Topology.CNN), len(view.slots))[0]

    return make
