"""One growing host as a gymnasium.Env."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import gymnasium
from gymnasium import Space
from gymnasium.error import InvalidAction

from esper.environments.acting import Action, ActionKind, Mask
from esper.environments.observing import ObservationKind, Observed
from esper.environments.options import make_game
from esper.training.config import TrainingConfig

Info = dict[str, object]


class GrowthEnv(gymnasium.Env[Observed, Action]):
    """An episode is the life of one host; a step is one epoch of its training and one decision about its seeds.

    The masks say what is legal; an illegal action waits, and info["illegal"] is True.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium declares it so)

    def __init__(
        self,
        preset: str | TrainingConfig = "digits",
        *,
        reward: str | None = None,
        obs: ObservationKind = "flat",
        actions: ActionKind = "multi_discrete",
        episode_length: int | None = None,
        set: Sequence[str] = (),
        plugins: Sequence[str] = (),
    ) -> None:
        """See esper.make_vec for the arguments.

        Raises:
            ConfigError: there is no such preset, reward mode, setting, plug-in or data, or a value does not fit.
        """
        self._game = make_game(
            preset,
            num_envs=1,
            reward=reward,
            obs=obs,
            actions=actions,
            episode_length=episode_length,
            set=set,
            plugins=plugins,
        )
        self.observation_space = cast("Space[Observed]", self._game.observing.space)
        self.action_space = cast("Space[Action]", self._game.acting.space)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of every number of the observation."""
        return self._game.observing.names

    def reset(self, *, seed: int | None = None, options: Mapping[str, object] | None = None) -> tuple[Observed, Info]:
        """Begin the next episode; with a seed, the first one of `esper train --seed SEED --envs 1`.

        options: there are none.
        """
        super().reset(seed=seed)
        self._game.episodes.reset(None if seed is None else int(seed))
        return self._observe(), {}

    def step(self, action: Action) -> tuple[Observed, float, bool, bool, Info]:
        """Act on the seeds, and train for an epoch.

        Raises:
            InvalidAction: the action does not lie in the action space.
        """
        if not self.action_space.contains(action):
            raise InvalidAction(f"the action is {action!r}: it must lie in {self.action_space}")
        episodes = self._game.episodes
        (report,) = episodes.step([self._game.acting.choice(action)])
        truncated = episodes.over and not report.lost and self._game.ends_by_truncation
        info: Info = {
            "illegal": report.illegal,
            "action_success": report.action_success,
            "lost": report.lost,
            "val_loss": report.val_loss,
            "val_accuracy": report.val_accuracy,
            "total_params": report.total_params,
        }
        if episodes.over:
            (info["test_accuracy"],) = episodes.test_accuracies
        return self._observe(), report.reward, episodes.over and not truncated, truncated, info

    def action_masks(self) -> Mask:
        """What is legal now, in the form that sb3-contrib's MaskablePPO expects."""
        (legal,) = self._game.episodes.legal
        return self._game.acting.mask(legal)

    def _observe(self) -> Observed:
        return self._game.observing.of_env(self._game.observing.batch(self._game.episodes.observation), 0)
