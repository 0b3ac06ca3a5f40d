"""The table of observation features: name, range and meaning of every number that the controller sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.constants import UNMEASURED
from esper.contracts.stages import STAGE_ORDER
from esper.policy.signals import HISTORY_LENGTH

SYMLOG_LIMIT: Final = 2.0
"""The top of the range of a loss or a gradient norm: about 1.2 million, or not finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One number of the observation. low and high bound its raw value, including the value for "not measured"."""

    name: str
    low: float
    high: float
    meaning: str


def _feature(name: str, low: float, high: float, meaning: str) -> Feature:
    return Feature(name=name, low=low, high=high, meaning=meaning)


def _flag(name: str, meaning: str) -> Feature:
    return _feature(name, 0.0, 1.0, meaning)


def _history(kind: str, high: float, meaning: str) -> Iterable[Feature]:
    for age in reversed(range(HISTORY_LENGTH)):
        when = {0: "in this epoch", 1: "one epoch ago"}.get(age, f"{age} epochs ago")
        yield _feature(f"{kind}_{age}_ago", UNMEASURED, high, f"{meaning}, {when}")


BASE_FEATURES: Final[tuple[Feature, ...]] = (
    _feature("epoch", 0.0, 1.0, "the share of the episode that is over"),
    _feature("val_loss", UNMEASURED, SYMLOG_LIMIT, "symlog of the validation loss / 7"),
    _feature("val_accuracy", UNMEASURED, 1.0, "validation accuracy / 100"),
    *_history("val_loss", SYMLOG_LIMIT, "symlog of the validation loss / 7"),
    *_history("val_accuracy", 1.0, "validation accuracy / 100"),
    _feature("control_accuracy", UNMEASURED, 1.0, "validation accuracy of the host that never grows / 100"),
    _feature("training_share", 0.0, 1.0, "slots in TRAINING / slots"),
    _feature("blending_share", 0.0, 1.0, "slots in BLENDING / slots"),
    _feature("kept_share", 0.0, 1.0, "slots in HOLDING or FOSSILIZED / slots"),
    _flag("last_action_success", "the last action did what it was meant to do"),
    *(_flag(f"last_op_{op.name.lower()}", f"the last op was {op.name}") for op in Op),
)

SLOT_FEATURES: Final[tuple[Feature, ...]] = (
    _flag("occupied", "the slot holds a seed or the memory of a pruned one; if 0, all others are 0"),
    *(_flag(f"stage_{stage.name.lower()}", f"the seed is in {stage.name}") for stage in STAGE_ORDER),
    _feature("alpha", 0.0, 1.0, "how much of the seed's output enters the host"),
    _feature("contribution", -1.0, 1.0, "accuracy points that the seed contributes / 10; 0 until measured"),
    _feature("contribution_velocity", -1.0, 1.0, "smoothed change of the contribution / 10; 0 until measured"),
    _feature("tempo", 0.0, 1.0, "length of the first ramp / 12 epochs"),
    _feature("alpha_target", 0.0, 1.0, "where alpha is heading"),
    _feature("alpha_mode", 0.0, 1.0, "0 at rest, 0.5 on its way up, 1 on its way down"),
    _feature("alpha_steps_total", 0.0, 1.0, "length of the ramp / episode length"),
    _feature("alpha_steps_done", 0.0, 1.0, "epochs of the ramp that are done / episode length"),
    _feature("alpha_steps_left", 0.0, 1.0, "epochs of the ramp that are left / episode length; 0 at rest"),
    _feature("alpha_velocity", -1.0, 1.0, "change of alpha in the last epoch"),
    _feature("alpha_algorithm", 0.0, 1.0, "0 add, 0.5 multiply, 1 gate"),
    _feature("interaction", -1.0, 1.0, "sum of the interactions with other seeds / 10 points; 0 if it is alone"),
    _feature("gradient_norm", UNMEASURED, SYMLOG_LIMIT, "symlog of the seed's gradient norm / 7"),
    _feature("gradient_health", 0.0, 1.0, "1 is healthy; 0 until measured"),
    _feature("gradient_vanishing", UNMEASURED, 1.0, "the gradient of some tensor almost vanished"),
    _feature("gradient_exploding", UNMEASURED, 1.0, "the gradient of some tensor exploded"),
    _feature("previous_gradient_health", 0.0, 1.0, "gradient health one measurement ago; 0 until measured"),
    _feature("epochs_in_stage", 0.0, 1.0, "epochs in this stage / episode length"),
    _feature("counterfactual_freshness", UNMEASURED, 1.0, "gamma ** epochs since the contribution was measured"),
    _feature("age", 0.0, 1.0, "epochs that the seed has lived / episode length"),
)

CONDITION_FEATURES: Final[tuple[Feature, ...]] = (
    _feature("size_price", 0.0, SYMLOG_LIMIT, "symlog of the points that 1,000 parameters cost / 7; 0 if size is free"),
    _feature("data_share", 0.0, 1.0, "the share of the training split that the host sees"),
)
"""What the policy is told where hosts differ (the table variety of the configuration): these follow all others."""


def feature_table(slot_ids: Iterable[str], *, conditions: bool = False) -> tuple[Feature, ...]:
    """Every feature of a host with these slots, in the order of the observation.

    Slot features are named like r0c0.alpha.

    conditions: whether the conditions of the episode are among them.
    """
    slot_features = (
        Feature(name=f"{slot}.{item.name}", low=item.low, high=item.high, meaning=item.meaning)
        for slot in slot_ids
        for item in SLOT_FEATURES
    )
    return (*BASE_FEATURES, *slot_features, *(CONDITION_FEATURES if conditions else ()))
