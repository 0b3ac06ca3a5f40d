"""Which controller decides, and the parameters of the baselines. Imports no torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from esper.contracts.actions import Blueprint
from esper.contracts.constants import AGENT_NAME
from esper.contracts.validation import require_fraction, require_non_negative, require_positive
from esper.errors import ConfigError
from esper.policy.config import Decisions

_BLUEPRINTS = tuple(blueprint.name.lower() for blueprint in Blueprint if blueprint is not Blueprint.NOOP)


def _check_blueprints(owner: str, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in _BLUEPRINTS:
            near = difflib.get_close_matches(name, _BLUEPRINTS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(_BLUEPRINTS)}"
            raise ConfigError(f"{owner}.blueprints has {name!r}: there is no such blueprint; {hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """A fixed plan. germinate_epochs: the i-th seed is germinated in the first epoch from this one on in which that is
    possible. blueprints: of the seeds in turn, over again when there are fewer; empty means the first of the host's
    rotation for all. hold_epochs: in HOLDING before it is fossilised.
    """

    germinate_epochs: tuple[int, ...] = (1, 6, 11)
    blueprints: tuple[str, ...] = ()
    hold_epochs: int = 1

    def __post_init__(self) -> None:
        _check_blueprints("controller.schedule", self.blueprints)
        require_positive("controller.schedule", hold_epochs=self.hold_epochs)
        if list(self.germinate_epochs) != sorted(self.germinate_epochs) or min(self.germinate_epochs, default=1) < 1:
            raise ConfigError(
                f"controller.schedule.germinate_epochs is {list(self.germinate_epochs)}: "
                "give epochs from 1 on, in order"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeuristicConfig:
    """Rules of thumb of the original system (docs/guides/controllers.md). Accuracies in points, times in epochs.

    blueprints: tried in turn; empty means the host's rotation. first_epoch: no germination before. plateau_points,
    plateau_epochs: so many epochs that gain less are a plateau. stable_epochs: so many epochs with a relative
    improvement of the loss between stable_low and stable_high, once, and the host counts as stable for good.
    epochs_after_prune: pause before the next germination. prune_points, prune_age: a seed that old is pruned when its
    stage lost more. fossilize_points: contribution that a kept seed exceeds. harmful_contribution: a contribution
    above it, while the host fell below where it was at germination, is pruned. penalty, penalty_limit, penalty_decay:
    a prune adds to its blueprint's penalty, which shrinks by the factor each epoch; from the limit on it is skipped.
    """

    blueprints: tuple[str, ...] = ()
    first_epoch: int = 5
    plateau_points: float = 0.5
    plateau_epochs: int = 3
    stable_epochs: int = 3
    stable_low: float = -0.05
    stable_high: float = 0.03
    epochs_after_prune: int = 5
    prune_points: float = 2.0
    prune_age: int = 5
    fossilize_points: float = 0.5
    harmful_contribution: float = 0.1
    penalty: float = 2.0
    penalty_limit: float = 3.0
    penalty_decay: float = 0.5

    def __post_init__(self) -> None:
        _check_blueprints("controller.heuristic", self.blueprints)
        require_non_negative(
            "controller.heuristic",
            first_epoch=self.first_epoch,
            plateau_epochs=self.plateau_epochs,
            stable_epochs=self.stable_epochs,
            epochs_after_prune=self.epochs_after_prune,
            prune_points=self.prune_points,
            prune_age=self.prune_age,
            penalty=self.penalty,
        )
        require_positive("controller.heuristic", penalty_limit=self.penalty_limit)
        require_fraction("controller.heuristic", penalty_decay=self.penalty_decay)


@dataclass(frozen=True, slots=True, kw_only=True)
class HillclimbConfig:
    """Keep what raised validation accuracy. blueprints: tried in turn; empty means the host's rotation. first_epoch: no
    germination before. window: validation accuracies are means over this many epochs, before and after.
    min_gain: points that the accuracy must have risen by.
    """

    blueprints: tuple[str, ...] = ()
    first_epoch: int = 3
    window: int = 2
    min_gain: float = 0.0

    def __post_init__(self) -> None:
        _check_blueprints("controller.hillclimb", self.blueprints)
        require_positive("controller.hillclimb", first_epoch=self.first_epoch, window=self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfig:
    """name: ppo, static, random, schedule, heuristic, hillclimb, or one that a plugin registers.
    decisions: how a policy that only plays makes its choices, greedy or sampled; one that learns always samples.
    """

    name: str = AGENT_NAME
    decisions: Decisions = "greedy"
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    heuristic: HeuristicConfig = field(default_factory=HeuristicConfig)
    hillclimb: HillclimbConfig = field(default_factory=HillclimbConfig)
