"""Which controller decides, and the parameters of the baselines. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from esper.contracts.blueprints import Blueprint, every_blueprint
from esper.contracts.constants import AGENT_NAME
from esper.contracts.registry import nearest
from esper.contracts.settings import check_settings, setting, shown
from esper.errors import ConfigError
from esper.policy.config import Decisions

TempoName = Literal["fast", "standard", "slow"]
AlphaTargetName = Literal["half", "seventy", "full"]


def _check_blueprints(owner: str, names: tuple[str, ...]) -> None:
    known = tuple(blueprint.name.lower() for blueprint in every_blueprint() if blueprint is not Blueprint.NOOP)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"{owner}.blueprints has {shown(name)}: there is no such blueprint; {nearest(name, known)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """A fixed plan, which every host follows."""

    germinate_epochs: tuple[int, ...] = setting(
        (1, 6, 11),
        "The epochs from which each seed in turn is germinated as soon as that is possible, in rising order.",
        at_least=1,
        at_most=1_000_000,
        unit="epochs",
    )
    blueprints: tuple[str, ...] = setting(
        (), "The blueprints of the seeds in turn, over again when there are fewer; empty means the host's first."
    )
    slots: tuple[str, ...] = setting(
        (), "The slots of the seeds in turn, over again when there are fewer; empty means the first that is free."
    )
    tempo: TempoName = setting("standard", "How slowly seeds are blended in.")
    alpha_target: AlphaTargetName = setting("full", "How far seeds are blended in.")
    hold_epochs: int = setting(
        1, "How long a seed stays in HOLDING before it is fossilised.", at_least=1, at_most=1_000_000, unit="epochs"
    )

    def __post_init__(self) -> None:
        check_settings(self, "controller.schedule")
        _check_blueprints("controller.schedule", self.blueprints)
        if list(self.germinate_epochs) != sorted(self.germinate_epochs):
            raise ConfigError(
                f"controller.schedule.germinate_epochs is {list(self.germinate_epochs)}: give epochs in rising order"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeuristicConfig:
    """Rules of thumb of the original system (docs/guides/controllers.md)."""

    blueprints: tuple[str, ...] = setting((), "The blueprints that are tried in turn; empty means the host's rotation.")
    first_epoch: int = setting(
        5, "The first epoch in which a seed may be germinated.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    plateau_points: float = setting(
        0.5, "An epoch that gains less accuracy than this belongs to a plateau.", at_least=0, at_most=100, unit="points"
    )
    plateau_epochs: int = setting(
        3,
        "How many such epochs in a row make a plateau, on which a seed is germinated.",
        at_least=0,
        at_most=1_000_000,
        unit="epochs",
    )
    stable_epochs: int = setting(
        3,
        "How many epochs in a row of steady loss make the host count as stable for good.",
        at_least=0,
        at_most=1_000_000,
        unit="epochs",
    )
    stable_low: float = setting(
        -0.05,
        "The lower end of the relative improvement of the loss that counts as steady.",
        at_least=-100,
        at_most=100,
    )
    stable_high: float = setting(
        0.03, "The upper end of the relative improvement of the loss that counts as steady.", at_least=-100, at_most=100
    )
    epochs_after_prune: int = setting(
        5, "The pause after a prune before the next seed is germinated.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    prune_points: float = setting(
        2.0,
        "A seed whose stage lost more accuracy than this is pruned once it is old enough.",
        at_least=0,
        at_most=100,
        unit="points",
    )
    prune_age: int = setting(
        5, "The age from which a seed may be pruned.", at_least=0, at_most=1_000_000, unit="epochs"
    )
    fossilize_points: float = setting(
        0.5, "The contribution that a seed must exceed to be fossilised.", at_least=-100, at_most=100, unit="points"
    )
    harmful_contribution: float = setting(
        0.1,
        "A seed above this contribution whose host fell below its accuracy at germination is pruned.",
        at_least=-100,
        at_most=100,
        unit="points",
    )
    penalty: float = setting(2.0, "What a prune adds to its blueprint's penalty.", at_least=0, at_most=1_000)
    penalty_limit: float = setting(
        3.0, "A blueprint whose penalty has reached this is skipped.", above=0, at_most=1_000
    )
    penalty_decay: float = setting(0.5, "The factor by which penalties shrink in each epoch.", at_least=0, at_most=1)

    def __post_init__(self) -> None:
        check_settings(self, "controller.heuristic")
        _check_blueprints("controller.heuristic", self.blueprints)


@dataclass(frozen=True, slots=True, kw_only=True)
class HillclimbConfig:
    """Keeps what raised validation accuracy."""

    blueprints: tuple[str, ...] = setting((), "The blueprints that are tried in turn; empty means the host's rotation.")
    first_epoch: int = setting(
        3, "The first epoch in which a seed may be germinated.", at_least=1, at_most=1_000_000, unit="epochs"
    )
    window: int = setting(
        2,
        "The epochs over which validation accuracy is averaged before and after a seed's life.",
        at_least=1,
        at_most=1_000_000,
        unit="epochs",
    )
    min_gain: float = setting(
        0.0, "How much the accuracy must have risen for a seed to be kept.", at_least=-100, at_most=100, unit="points"
    )

    def __post_init__(self) -> None:
        check_settings(self, "controller.hillclimb")
        _check_blueprints("controller.hillclimb", self.blueprints)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerConfig:
    """Which controller decides, and the settings of the baselines."""

    name: str = setting(
        AGENT_NAME,
        "Who decides: ppo, static, random, schedule, heuristic, hillclimb, or a controller that a plug-in registers.",
    )
    decisions: Decisions = setting(
        "greedy",
        "Whether a policy that only plays takes the likeliest choice (greedy) or draws one (sampled).",
    )
    start: str = setting(
        "", "What a learning policy starts from: a run, a checkpoint, or shipped; empty starts from new weights."
    )
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    heuristic: HeuristicConfig = field(default_factory=HeuristicConfig)
    hillclimb: HillclimbConfig = field(default_factory=HillclimbConfig)

    def __post_init__(self) -> None:
        check_settings(self, "controller")
