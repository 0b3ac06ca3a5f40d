"""What both environments take: which preset, what reward, and how observations and actions are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from esper.api.options import prepare, resolve
from esper.environments.acting import ActionKind, HeadActions, ListedActions, make_acting
from esper.environments.episodes import FleetEpisodes
from esper.environments.observing import ObservationKind, Observing
from esper.errors import ConfigError
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.training.config import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """A fleet to be played, and how its observations and actions are written down."""

    episodes: FleetEpisodes
    observing: Observing
    acting: HeadActions | ListedActions
    slot_ids: tuple[str, ...]

    @property
    def ends_by_truncation(self) -> bool:
        """Whether the end of time cuts an episode off (ppo.horizon = "truncate") instead of being its end."""
        return self.episodes.config.ppo.horizon == "truncate"


def make_game(
    preset: str | TrainingConfig,
    *,
    num_envs: int,
    reward: str | None,
    obs: ObservationKind,
    actions: ActionKind,
    episode_length: int | None,
    set: Sequence[str],
    plugins: Sequence[str],
) -> Game:
    """Load the task and prepare the fleet.

    Raises:
        ConfigError: there is no such preset, reward mode, setting, plug-in, format or data, or a value does not fit.
    """
    _check_choice("obs", obs, ("flat", "dict"))
    _check_choice("actions", actions, ("multi_discrete", "discrete"))
    overrides = [*set, *([] if reward is None else [f"reward.mode={reward}"])]
    config = resolve(preset, overrides, plugins, envs=num_envs, episode_length=episode_length)
    prepare(config)
    slots = slot_config(config.host).slot_ids
    return Game(
        episodes=FleetEpisodes(config),
        observing=Observing(obs, slots, conditions=config.variety.draws),
        acting=make_acting(actions, len(slots), topology_of(config.host)),
        slot_ids=slots,
    )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}: choose {' or '.join(choices)}")
