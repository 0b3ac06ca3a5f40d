"""A random agent plays Esper's hosts through Gymnasium, first without and then with the masks of what is legal."""

from __future__ import annotations

import numpy as np

import esper

ENVS = 2
EPOCHS = 6


def main() -> None:
    env = esper.make_vec("digits_impaired", ENVS, actions="discrete", episode_length=EPOCHS)
    random = np.random.default_rng(0)
    for masked in (False, True):
        env.reset(seed=1)
        returns, illegal = np.zeros(ENVS), 0
        for _ in range(EPOCHS):
            masks = env.action_masks() if masked else np.ones((ENVS, env.single_action_space.n), dtype=bool)
            actions = np.array([random.choice(np.flatnonzero(mask)) for mask in masks])
            _, rewards, _, _, infos = env.step(actions)
            returns += rewards
            illegal += int(infos["illegal"].sum())
        accuracy = infos["test_accuracy"].mean()
        print(
            f"masks {'on' if masked else 'off'}: return {returns.mean():.2f}, {accuracy:.1f} % on the test split, "
            f"{illegal} of {ENVS * EPOCHS} actions were illegal"
        )


if __name__ == "__main__":
    main()
