"""A task of your own from arrays: tell a horizontal stripe from a vertical one in noisy 8x8 images."""

from __future__ import annotations

import numpy as np

import esper
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData


def stripes(number: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Grey images [number, 8, 8] as floats from 0 to 1, and the class of each."""
    labels = random.integers(0, 2, number)
    images = random.uniform(0.0, 0.5, (number, 8, 8))
    for image, label, place in zip(images, labels, random.integers(0, 8, number), strict=True):
        if label == 0:
            image[place, :] += 0.4
        else:
            image[:, place] += 0.4
    return images, labels


def load(config: TaskConfig, seed: int) -> TaskData:
    """Validation and test are drawn from the samples. A task of real data would read its files here."""
    return esper.task_from_arrays(stripes(800, np.random.default_rng(seed)), config=config, seed=seed)


def main() -> None:
    esper.register_task("stripes", "horizontal against vertical stripes", load)
    run = esper.train("digits", rounds=1, envs=2, episode_length=6, set=["task.name=stripes"])
    print(f"{run.summaries[-1].avg_accuracy:.1f} % of the stripes are told apart")


if __name__ == "__main__":
    main()
