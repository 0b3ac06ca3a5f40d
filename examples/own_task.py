"""A task of your own from arrays: tell a horizontal stripe from a vertical one in noisy 8x8 images."""

from __future__ import annotations

import numpy as np
import torch

import esper
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics


def stripes(number: int, random: np.random.Generator) -> Split:
    """Grey images [number, 1, 8, 8] with values 0 to 255, and the class of each."""
    targets = random.integers(0, 2, number)
    images = random.integers(0, 120, (number, 1, 8, 8))
    for image, target, place in zip(images, targets, random.integers(0, 8, number), strict=True):
        if target == 0:
            image[0, place, :] += 100
        else:
            image[0, :, place] += 100
    return Split(inputs=torch.from_numpy(images.astype(np.uint8)), targets=torch.from_numpy(targets))


def load(config: TaskConfig, seed: int) -> TaskData:
    """The three splits. A task of real data would read its files here."""
    random = np.random.default_rng(seed)
    train = stripes(512, random)
    mean, deviation = channel_statistics(train.inputs)
    return TaskData(
        name=config.name,
        num_classes=2,
        train=train,
        validation=stripes(128, random),
        test=stripes(128, random),
        mean=mean,
        standard_deviation=deviation,
    )


def main() -> None:
    esper.register_task("stripes", "horizontal against vertical stripes", load)
    run = esper.train("digits", rounds=1, envs=2, episode_length=6, set=["task.name=stripes"])
    print(f"{run.summaries[-1].avg_accuracy:.1f} % of the stripes are told apart")


if __name__ == "__main__":
    main()
