"""What a controller must be shown of one env, feature by feature, written anew from the table of features."""

from __future__ import annotations

import math
from collections.abc import Sequence

from anew_seeds import stage

from esper.contracts.actions import Op
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import SeedStage
from esper.fleet.measure import EnvMeasurement

STAGES = [one.name.lower() for one in SeedStage]


def symlog(value: float) -> float:
    return min(math.log(1 + value) / 7, 2.0) if math.isfinite(value) else 2.0


def points(value: float | None) -> float:
    return 0.0 if value is None else max(-1.0, min(1.0, value / 10))


def features(
    slots: Sequence[SeedInfo | None],
    slot_ids: Sequence[str],
    measured: Sequence[EnvMeasurement],
    control: Sequence[EnvMeasurement] | None,
    *,
    length: int,
    last_op: Op,
    last_success: bool,
) -> dict[str, float]:
    """Every feature by name, after the epochs that were measured."""
    row = {
        "epoch": len(measured) / length,
        "val_loss": symlog(measured[-1].val_loss),
        "val_accuracy": measured[-1].val_accuracy / 100,
        "control_accuracy": -1.0 if control is None else control[-1].val_accuracy / 100,
        "last_action_success": 1.0 if last_success else 0.0,
    }
    for age in range(5):
        known = age < len(measured)
        then = measured[-1 - age] if known else measured[-1]
        row[f"val_loss_{age}_ago"] = symlog(then.val_loss) if known else -1.0
        row[f"val_accuracy_{age}_ago"] = then.val_accuracy / 100 if known else -1.0
    for op in Op:
        row[f"last_op_{op.name.lower()}"] = 1.0 if op is last_op else 0.0
    for name, those in (("training", ("TRAINING",)), ("blending", ("BLENDING",)), ("kept", ("HOLDING", "FOSSILIZED"))):
        row[f"{name}_share"] = sum(1 for seed in slots if stage(seed) in those) / len(slots)
    for slot_id, seed in zip(slot_ids, slots, strict=True):
        row |= {f"{slot_id}.{name}": value for name, value in _slot(seed, length).items()}
    return row


def _slot(seed: SeedInfo | None, length: int) -> dict[str, float]:
    """The features of one slot; those that are not named are 0."""
    if seed is None:
        return {}
    gradient, mode = seed.gradient, seed.alpha_mode.name
    left = 0 if mode == "HOLD" else seed.alpha_steps_total - seed.alpha_steps_done
    since = seed.epochs_since_counterfactual
    return {
        "occupied": 1.0,
        f"stage_{seed.stage.name.lower()}": 1.0,
        "alpha": seed.alpha,
        "contribution": points(seed.contribution),
        "contribution_velocity": points(seed.contribution_velocity),
        "tempo": min(seed.tempo_epochs / 12, 1.0),
        "alpha_target": seed.alpha_target,
        "alpha_mode": {"HOLD": 0.0, "UP": 0.5, "DOWN": 1.0}[mode],
        "alpha_steps_total": min(seed.alpha_steps_total / length, 1.0),
        "alpha_steps_done": min(seed.alpha_steps_done / length, 1.0),
        "alpha_steps_left": min(left / length, 1.0),
        "alpha_velocity": seed.alpha_velocity,
        "alpha_algorithm": {"ADD": 0.0, "MULTIPLY": 0.5, "GATE": 1.0}[seed.alpha_algorithm.name],
        "interaction": points(seed.interaction_sum),
        "gradient_norm": -1.0 if gradient is None else symlog(gradient.norm),
        "gradient_health": 0.0 if gradient is None else max(0.0, min(1.0, gradient.health)),
        "gradient_vanishing": -1.0 if gradient is None else float(gradient.has_vanishing),
        "gradient_exploding": -1.0 if gradient is None else float(gradient.has_exploding),
        "previous_gradient_health": max(0.0, min(1.0, seed.previous_gradient_health or 0.0)),
        "epochs_in_stage": min(seed.epochs_in_stage / length, 1.0),
        "counterfactual_freshness": -1.0 if since is None else 0.995**since,
        "age": min(seed.epochs_total / length, 1.0),
    }
