"""What the controller sees: 24 numbers about the host, 31 about each slot and, where hosts differ, 2 about that.

The tables BASE_FEATURES, SLOT_FEATURES and CONDITION_FEATURES give the name, range and meaning of every feature, and
the page on observations explains them. symlog(x) is sign(x) ln(1 + |x|).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import AlphaMode, Op
from esper.contracts.conditions import Conditions
from esper.contracts.constants import GAMMA, UNMEASURED
from esper.contracts.seeds import GradientHealth, SeedInfo
from esper.contracts.stages import STAGE_ORDER, SeedStage
from esper.policy.features import BASE_FEATURES, CONDITION_FEATURES, SLOT_FEATURES, SYMLOG_LIMIT
from esper.policy.signals import HISTORY_LENGTH, EnvSignals

NO_BLUEPRINT = -1
"""The blueprint index of an empty slot."""

_SYMLOG_SCALE = 7.0
_TEMPO_SCALE = 12.0
_POINTS_SCALE = 10.0
_EMPTY_SLOT = (0.0,) * len(SLOT_FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the controller sees of every env.

    features_ed: float32 [E, D].
    blueprints_es: long [E, S], with -1 for an empty slot.
    """

    features_ed: Tensor
    blueprints_es: Tensor

    def to(self, device: torch.device) -> Observation:
        """The same observation on a device. The call does not wait for the copy."""
        return Observation(
            features_ed=self.features_ed.to(device, non_blocking=True),
            blueprints_es=self.blueprints_es.to(device, non_blocking=True),
        )


def observation_size(num_slots: int, *, conditions: bool = False) -> int:
    """The number of features, D.

    conditions: whether the conditions of the episode are among them.

    >>> observation_size(3)
    117
    """
    return len(BASE_FEATURES) + len(SLOT_FEATURES) * num_slots + len(CONDITION_FEATURES) * conditions


def build_observations(signals: Sequence[EnvSignals], slots: Sequence[Sequence[SeedInfo | None]]) -> Observation:
    """The raw observations of E envs, not normalised, on the CPU.

    Every feature is finite and lies in the range that its table states, whatever the host did.

    slots: for each env, its enabled slots in slot order, None where a slot is empty.
    """
    rows: list[list[float]] = []
    blueprints: list[list[int]] = []
    for signal, seeds in zip(signals, slots, strict=True):
        row = _base_features(signal, seeds)
        for seed in seeds:
            row += _EMPTY_SLOT if seed is None else _slot_features(seed, signal.max_epochs)
        if signal.conditions is not None:
            row += _condition_features(signal.conditions)
        rows.append(row)
        blueprints.append([NO_BLUEPRINT if seed is None else int(seed.blueprint) for seed in seeds])
    return Observation(
        features_ed=torch.tensor(rows, dtype=torch.float32),
        blueprints_es=torch.tensor(blueprints, dtype=torch.long),
    )


def _base_features(signals: EnvSignals, seeds: Sequence[SeedInfo | None]) -> list[float]:
    stages = [seed.stage for seed in seeds if seed is not None]
    kept = stages.count(SeedStage.HOLDING) + stages.count(SeedStage.FOSSILIZED)
    return [
        _share(signals.epoch, signals.max_epochs),
        _loss(signals.val_loss),
        _accuracy(signals.val_accuracy),
        *_padded([_loss(loss) for loss in signals.loss_history]),
        *_padded([_accuracy(accuracy) for accuracy in signals.accuracy_history]),
        _accuracy(signals.control_accuracy),
        stages.count(SeedStage.TRAINING) / len(seeds),
        stages.count(SeedStage.BLENDING) / len(seeds),
        kept / len(seeds),
        float(signals.last_action_success),
        *(float(op is signals.last_op) for op in Op),
    ]


def _slot_features(seed: SeedInfo, max_epochs: int) -> list[float]:
    ramp_left = seed.alpha_steps_total - seed.alpha_steps_done
    return [
        1.0,
        *(float(stage is seed.stage) for stage in STAGE_ORDER),
        seed.alpha,
        _points(seed.contribution),
        _points(seed.contribution_velocity),
        min(seed.tempo_epochs / _TEMPO_SCALE, 1.0),
        seed.alpha_target,
        seed.alpha_mode / 2,
        _share(seed.alpha_steps_total, max_epochs),
        _share(seed.alpha_steps_done, max_epochs),
        0.0 if seed.alpha_mode is AlphaMode.HOLD else _share(ramp_left, max_epochs),
        _clamp(seed.alpha_velocity, -1.0, 1.0),
        (seed.alpha_algorithm - 1) / 2,
        _points(seed.interaction_sum),
        *_gradient_features(seed.gradient),
        0.0 if seed.previous_gradient_health is None else _clamp(seed.previous_gradient_health, 0.0, 1.0),
        _share(seed.epochs_in_stage, max_epochs),
        UNMEASURED if seed.epochs_since_counterfactual is None else GAMMA**seed.epochs_since_counterfactual,
        _share(seed.epochs_total, max_epochs),
    ]


def _condition_features(conditions: Conditions) -> tuple[float, float]:
    """The noise of the labels is not among them, because whoever trains a network does not know it either."""
    price = conditions.size_price
    return 0.0 if price is None else _non_negative_symlog(price), conditions.data_share


def _gradient_features(gradient: GradientHealth | None) -> tuple[float, float, float, float]:
    """Norm, health, vanishing and exploding. Health is 0 until it is measured; a measured health is never that low."""
    if gradient is None:
        return UNMEASURED, 0.0, UNMEASURED, UNMEASURED
    return (
        _non_negative_symlog(gradient.norm),
        _clamp(gradient.health, 0.0, 1.0),
        float(gradient.has_vanishing),
        float(gradient.has_exploding),
    )


def _clamp(value: float, low: float, high: float) -> float:
    """The value, moved into [low, high]. A NaN becomes high."""
    return max(low, min(high, value)) if value == value else high


def _share(count: int, total: int) -> float:
    return min(count / total, 1.0)


def _points(value: float | None) -> float:
    """Percentage points in units of ten, clipped to -1..1; 0 if there is nothing to measure."""
    return 0.0 if value is None else _clamp(value / _POINTS_SCALE, -1.0, 1.0)


def _accuracy(value: float | None) -> float:
    return UNMEASURED if value is None else _clamp(value / 100.0, 0.0, 1.0)


def _loss(value: float | None) -> float:
    return UNMEASURED if value is None else _non_negative_symlog(value)


def _non_negative_symlog(value: float) -> float:
    """A loss or a norm, compressed.

    One that is not finite becomes the top of the range, which is the worst value there.
    """
    if not math.isfinite(value):
        return SYMLOG_LIMIT
    return _clamp(math.log1p(max(value, 0.0)) / _SYMLOG_SCALE, 0.0, SYMLOG_LIMIT)


def _padded(values: list[float]) -> list[float]:
    """The last values, right-aligned. Epochs before the first count as not measured."""
    return [UNMEASURED] * (HISTORY_LENGTH - len(values)) + values
