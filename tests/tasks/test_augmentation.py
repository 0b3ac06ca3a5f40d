"""Crop and mirror image against a Python loop over images, and its random streams."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.errors import ConfigError
from esper.tasks.augmentation import PADDING, crop_and_flip, draw_crop_and_flip
from esper.tasks.batches import BatchSource
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.registry import load_task


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_by_one(images: Tensor, choices: Tensor) -> Tensor:
    """The slow twin: each image written into a black frame, cut out, mirrored pixel column by pixel column."""
    _, channels, height, width = images.shape
    results: list[Tensor] = []
    for image, (top, left, mirrored) in zip(images, choices.tolist(), strict=True):
        frame = torch.zeros(channels, height + 2 * PADDING, width + 2 * PADDING, dtype=images.dtype)
        frame[:, PADDING : PADDING + height, PADDING : PADDING + width] = image
        cut = frame[:, top : top + height, left : left + width]
        columns = reversed(range(width)) if mirrored else range(width)
        results.append(torch.stack([cut[:, :, column] for column in columns], dim=2))
    return torch.stack(results)


@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 8, 8), (2, 5, 7)])
def test_equals_the_loop_over_images(channels: int, height: int, width: int) -> None:
    images = torch.randint(1, 256, (200, channels, height, width), generator=generator(1)).to(torch.uint8)
    (choices,) = draw_crop_and_flip(1, 200, generator(2))
    result = crop_and_flip(images, choices)
    assert result.dtype == torch.uint8
    assert torch.equal(result, one_by_one(images, choices))


def test_the_middle_crop_is_the_image_itself() -> None:
    images = torch.randint(0, 256, (2, 3, 8, 8), generator=generator(1)).to(torch.uint8)
    same = crop_and_flip(images, torch.tensor([[PADDING, PADDING, 0], [PADDING, PADDING, 1]]))
    assert torch.equal(same[0], images[0])
    assert torch.equal(same[1], images[1].flip(-1))


def test_every_corner_and_both_sides_are_drawn_about_equally_often() -> None:
    choices = draw_crop_and_flip(9, 9000, generator(3)).flatten(0, 1)
    for column, values in ((0, 9), (1, 9), (2, 2)):
        shares = torch.bincount(choices[:, column], minlength=values) / len(choices)
        assert len(shares) == values
        assert (shares - 1 / values).abs().max() < 0.01


@pytest.fixture(scope="module")
def data() -> TaskData:
    return load_task(TaskConfig(name="synthetic_cifar", train_samples=300, test_samples=50), seed=3)


def batches(data: TaskData, seeds: list[int], *, envs: int, augment: bool = True) -> Tensor:
    """The inputs of one epoch [steps, E, B, C, H, W]."""
    source = BatchSource(data, envs=envs, batch_size=50, evaluation_batch_size=50, steps=0, augment=augment)
    return torch.stack([batch.inputs for batch in source.train([generator(seed) for seed in seeds])])


def test_training_images_are_the_crops_of_the_plain_minibatches_in_bytes(data: TaskData) -> None:
    source = BatchSource(data, envs=1, batch_size=50, evaluation_batch_size=50, steps=0, augment=True)
    stream = generator(5)
    order = torch.randperm(300, generator=stream).view(6, 50)
    choices = draw_crop_and_flip(6, 50, stream)
    mean, scale = torch.tensor(data.mean).view(-1, 1, 1), 1 / torch.tensor(data.standard_deviation).view(-1, 1, 1)
    for step, batch in enumerate(source.train([generator(5)])):
        expected = one_by_one(data.train.inputs[order[step]], choices[step])
        assert torch.equal(batch.inputs[0], (expected.float() - mean) * scale)
        assert torch.equal(batch.targets[0], data.train.targets[order[step]])


def test_equal_streams_give_equal_images(data: TaskData) -> None:
    assert torch.equal(batches(data, [1], envs=2), batches(data, [1], envs=2))
    assert not torch.equal(batches(data, [1], envs=2), batches(data, [2], envs=2))


def test_augmentation_of_an_env_does_not_depend_on_the_others(data: TaskData) -> None:
    together = batches(data, [1, 2, 3], envs=3)
    for env, seed in enumerate((1, 2, 3)):
        assert torch.equal(together[:, env], batches(data, [seed], envs=1)[:, 0])


def test_augmentation_leaves_the_first_epochs_order_alone(data: TaskData) -> None:
    def targets(augment: bool) -> Tensor:
        source = BatchSource(data, envs=1, batch_size=50, evaluation_batch_size=50, steps=0, augment=augment)
        return torch.stack([batch.targets for batch in source.train([generator(1)])])

    assert torch.equal(targets(True), targets(False))


def test_evaluation_is_not_augmented(data: TaskData) -> None:
    plain, augmented = (
        BatchSource(data, envs=1, batch_size=50, evaluation_batch_size=50, steps=0, augment=augment)
        for augment in (False, True)
    )
    for one, other in zip(plain.validation(), augmented.validation(), strict=True):
        assert torch.equal(one.inputs, other.inputs)


def test_augmentation_of_text_is_the_users_mistake() -> None:
    text = load_task(TaskConfig(name="text"), seed=1)
    with pytest.raises(ConfigError, match=r"task\.augment crops and mirrors images: task text has none"):
        BatchSource(text, envs=1, batch_size=8, evaluation_batch_size=8, steps=1, augment=True)
