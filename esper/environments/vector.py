"""A whole fleet of growing hosts as a gymnasium.vector.VectorEnv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium.error import InvalidAction
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from esper.environments.acting import ActionKind
from esper.environments.episodes import StepReport
from esper.environments.observing import ObservationKind, Observed
from esper.environments.options import make_game
from esper.training.config import TrainingConfig

Flags = NDArray[np.bool_]
Rewards = NDArray[np.float64]
Infos = dict[str, object]
Step = tuple[Observed, Rewards, Flags, Flags, Infos]


class GrowthVectorEnv(VectorEnv[Observed, NDArray[np.int64], NDArray[np.generic]]):
    """E hosts in one fleet, whose episodes begin and end together.

    An env that the governor loses before the others are done is an absorbing state until then: it may only wait, earns
    0, and is terminated with the round. Its return is the same as if it had been terminated at once.
    """

    def __init__(
        self,
        num_envs: int = 8,
        preset: str | TrainingConfig = "digits",
        *,
        reward: str | None = None,
        obs: ObservationKind = "flat",
        actions: ActionKind = "multi_discrete",
        episode_length: int | None = None,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        set: Sequence[str] = (),
        plugins: Sequence[str] = (),
    ) -> None:
        """See esper.make_vec."""
        self._game = make_game(
            preset,
            num_envs=num_envs,
            reward=reward,
            obs=obs,
            actions=actions,
            episode_length=episode_length,
            set=set,
            plugins=plugins,
        )
        self.num_envs = num_envs
        self.metadata = {"render_modes": [], "autoreset_mode": autoreset_mode}
        self._mode = autoreset_mode
        self.single_observation_space = self._game.observing.space
        self.single_action_space = self._game.acting.space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of every number of one env's observation."""
        return self._game.observing.names

    def reset(self, *, seed: int | None = None, options: Mapping[str, object] | None = None) -> tuple[Observed, Infos]:
        """Begin the next round; with a seed, the first one of `esper train --seed SEED`.

        options: there are none.
        """
        super().reset(seed=seed)
        self._game.episodes.reset(None if seed is None else int(seed))
        return self._observe(), {}

    def step(self, actions: NDArray[np.int64]) -> Step:
        """Act on the seeds of all hosts, and train them for an epoch.

        Raises:
            InvalidAction: the actions do not lie in the action space.
        """
        if not self.action_space.contains(actions):
            raise InvalidAction(f"the actions are {actions!r}: they must lie in {self.action_space}")
        episodes = self._game.episodes
        if episodes.over and self._mode is AutoresetMode.NEXT_STEP:
            observed, infos = self.reset()
            return observed, np.zeros(self.num_envs), self._flags(False), self._flags(False), infos
        reports = episodes.step([self._game.acting.choice(action) for action in actions])
        lost = np.array([report.lost for report in reports])
        truncated = self._flags(episodes.over and self._game.ends_by_truncation) & ~lost
        terminated = self._flags(episodes.over) & ~truncated
        observed, infos = self._observe(), self._infos(reports)
        if episodes.over and self._mode is AutoresetMode.SAME_STEP:
            observed, infos = self._reset_now(observed, infos)
        return observed, np.array([report.reward for report in reports]), terminated, truncated, infos

    def action_masks(self) -> Flags:
        """What is legal now, one row per env."""
        return np.stack([self._game.acting.mask(legal) for legal in self._game.episodes.legal])

    def _flags(self, value: bool) -> Flags:
        return np.full(self.num_envs, value)

    def _observe(self) -> Observed:
        return self._game.observing.batch(self._game.episodes.observation)

    def _infos(self, reports: Sequence[StepReport]) -> Infos:
        """One array per measurement, and beside it which envs have one: all of them."""
        values: Infos = {
            name: np.array([getattr(report, name) for report in reports])
            for name in ("illegal", "action_success", "lost", "val_loss", "val_accuracy", "total_params")
        }
        if self._game.episodes.over:
            values["test_accuracy"] = np.array(self._game.episodes.test_accuracies)
        return {**values, **{f"_{name}": self._flags(True) for name in values}}

    def _reset_now(self, observed: Observed, infos: Infos) -> tuple[Observed, Infos]:
        """The first observations of the next round; the last ones of this round go into the infos."""
        final = np.empty(self.num_envs, dtype=object)
        for env in range(self.num_envs):
            final[env] = self._game.observing.of_env(observed, env)
        first, started = self.reset()
        everyone = self._flags(True)
        return first, {
            **started,
            "final_obs": final,
            "_final_obs": everyone,
            "final_info": infos,
            "_final_info": everyone,
        }


def make_vec(
    preset: str | TrainingConfig = "digits",
    num_envs: int = 8,
    *,
    reward: str | None = None,
    obs: ObservationKind = "flat",
    actions: ActionKind = "multi_discrete",
    episode_length: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    set: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> GrowthVectorEnv:
    """A fleet of growing hosts as a gymnasium.vector.VectorEnv. It needs the extra "gym".

    preset: the name of a preset, or a whole configuration. Its controller does not matter.
    num_envs: the number of hosts.
    reward: a reward mode; None leaves the preset's. Rewards are raw: nothing divides them by their deviation.
    obs: "flat", one box, or "dict", with host, slots and blueprints; the page on Gymnasium describes both.
    actions: "multi_discrete", the eight heads, or "discrete", one number per whole action, whose masks are exact.
    episode_length: the epochs of an episode; None leaves the preset's.
    autoreset_mode: NEXT_STEP or SAME_STEP (which gives final_obs and final_info), as Gymnasium defines them; DISABLED
        leaves reset() to the caller.
    set, plugins: as for esper.train.

    Raises:
        ConfigError: there is no such preset, reward mode, setting, plug-in or data, or a value does not fit.
    """
    return GrowthVectorEnv(
        num_envs,
        preset,
        reward=reward,
        obs=obs,
        actions=actions,
        episode_length=episode_length,
        autoreset_mode=AutoresetMode(autoreset_mode),
        set=set,
        plugins=plugins,
    )
