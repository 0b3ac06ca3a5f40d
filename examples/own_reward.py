"""A reward of your own: the gain in accuracy since the last epoch, less a price for every parameter that was added."""

from __future__ import annotations

import esper
from esper.rewards.components import Component
from esper.rewards.types import ContributionRewardInputs


def gain(inputs: ContributionRewardInputs) -> float:
    """Points of validation accuracy gained in this epoch; 0 in the first epoch, which has nothing to compare with."""
    return 0.0 if inputs.acc_delta is None else 0.1 * inputs.acc_delta


def price(inputs: ContributionRewardInputs) -> float:
    """A tenth of a point of reward for doubling the host."""
    return -0.1 * (inputs.total_params / inputs.host_params - 1)


def main() -> None:
    esper.register_reward(
        "thrifty",
        "accuracy gained, less a price per parameter",
        [
            Component("gain", gain),
            Component("price", price),
        ],
    )
    run = esper.train("digits", rounds=1, envs=2, episode_length=4, set=["reward.mode=thrifty"])
    print(f"mean return of an episode: {run.summaries[-1].avg_reward:+.2f}")


if __name__ == "__main__":
    main()
