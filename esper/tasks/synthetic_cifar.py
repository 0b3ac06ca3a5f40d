"""Made-up images in the shape of CIFAR-10, for benchmarks only: a random prototype per class plus noise."""

from __future__ import annotations

import torch
from torch import Tensor

from esper.contracts.randomness import derive_seed
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData, channel_statistics

NUM_CLASSES = 10
SHAPE = (3, 32, 32)
PROTOTYPE_DEVIATION = 40.0
CHUNK = 50
"""How many images are drawn at a time: few enough to stay in the cache, which halves the time."""


def load(config: TaskConfig, seed: int) -> TaskData:
    """Draw the prototypes and all three splits. Validation and test have test_samples images each."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "synthetic_cifar"))
    prototypes = torch.randn(NUM_CLASSES, *SHAPE, generator=generator) * PROTOTYPE_DEVIATION + 128.0
    noise = config.noise * PROTOTYPE_DEVIATION
    train = _draw(prototypes, config.train_samples, noise, generator)
    mean, deviation = channel_statistics(train.inputs)
    return TaskData(
        name="synthetic_cifar",
        num_classes=NUM_CLASSES,
        train=train,
        validation=_draw(prototypes, config.test_samples, noise, generator),
        test=_draw(prototypes, config.test_samples, noise, generator),
        mean=mean,
        standard_deviation=deviation,
    )


def _draw(prototypes: Tensor, count: int, noise: float, generator: torch.Generator) -> Split:
    labels = torch.arange(count) % NUM_CLASSES
    images = torch.empty(count, *SHAPE, dtype=torch.uint8)
    for start in range(0, count, CHUNK):
        chosen = labels[start : start + CHUNK]
        values = prototypes[chosen] + noise * torch.randn(len(chosen), *SHAPE, generator=generator)
        images[start : start + CHUNK] = values.round_().clamp_(0, 255).to(torch.uint8)
    return Split(inputs=images, targets=labels)
