"""MaskablePPO of sb3-contrib grows hosts: `python gymnasium_maskable_ppo.py [ROUNDS]`. Needs sb3-contrib.

Stable-Baselines3 has vector environments of its own, so a small adapter hands it Esper's whole fleet.
"""

from __future__ import annotations

import sys

import numpy as np
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

import esper

ENVS = 8
EPOCHS = 25


class Fleet(VecEnv):
    """A fleet of Esper as a VecEnv. Its episodes end together, and the next round begins in the same step."""

    def __init__(self, preset: str, envs: int, epochs: int) -> None:
        self._fleet = esper.make_vec(
            preset, envs, actions="discrete", episode_length=epochs, autoreset_mode="SameStep", set=["run.threads=1"]
        )
        self.test_accuracies: list[float] = []
        super().__init__(envs, self._fleet.single_observation_space, self._fleet.single_action_space)

    def reset(self) -> np.ndarray:
        return self._fleet.reset(seed=self._seeds[0])[0]

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, object]]]:
        observed, rewards, terminated, truncated, infos = self._fleet.step(self._actions)
        own: list[dict[str, object]] = [{} for _ in range(self.num_envs)]
        if "final_obs" in infos:
            self.test_accuracies.append(float(infos["final_info"]["test_accuracy"].mean()))
            own = [
                {"terminal_observation": last, "TimeLimit.truncated": bool(cut)}
                for last, cut in zip(infos["final_obs"], truncated, strict=True)
            ]
        return observed, rewards, terminated | truncated, own

    def env_method(self, method_name: str, *args: object, indices: object = None, **kwargs: object) -> list[np.ndarray]:
        assert method_name == "action_masks"
        return list(self._fleet.action_masks())

    def has_attr(self, attr_name: str) -> bool:
        return attr_name == "action_masks"

    def get_attr(self, attr_name: str, indices: object = None) -> list[object]:
        return [None] * self.num_envs  # Only render_mode is asked for.

    def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: object = None) -> list[bool]:
        return [False] * self.num_envs

    def close(self) -> None:
        self._fleet.close()


def main(rounds: int, envs: int, epochs: int) -> None:
    fleet = Fleet("digits_impaired", envs, epochs)
    fleet.seed(1)
    monitor = VecMonitor(fleet)
    model = MaskablePPO(
        "MlpPolicy",
        VecNormalize(monitor, norm_obs=False, gamma=0.995),
        n_steps=epochs,
        batch_size=envs * epochs // 4,
        n_epochs=8,
        learning_rate=1e-3,
        gamma=0.995,
        ent_coef=0.01,
        seed=1,
    )
    for number in range(1, rounds + 1):
        model.learn(total_timesteps=envs * epochs, reset_num_timesteps=False)
        returns = [episode["r"] for episode in list(model.ep_info_buffer)[-envs:]]
        print(
            f"round {number}: mean return {np.mean(returns):.2f}, {fleet.test_accuracies[-1]:.1f} % on the test split",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(int(sys.argv[1]), ENVS, EPOCHS)
    else:
        main(rounds=2, envs=2, epochs=6)
