"""Tasks from arrays and data sets: equal pictures give equal tasks in every layout, and what does not fit is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from short_runs import short_config

import esper
from esper.conformance.tasks import check_task
from esper.errors import ConfigError
from esper.tasks.batches import BatchSource
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.training.vectorized_trainer import train_ppo_vectorized

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (60, 5, 6, 3), dtype=np.uint8)
GREY = COLOUR[..., 0]
LABELS = np.arange(60) % 3


def same(left: TaskData, right: TaskData) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in ((left.train, right.train), (left.validation, right.validation), (left.test, right.test))
    )


def test_layouts_and_types_of_the_same_pictures_give_the_same_task() -> None:
    expected = esper.task_from_arrays((COLOUR, LABELS))
    assert expected.input_shape == (3, 5, 6)
    assert expected.train.inputs.dtype == torch.uint8
    first = np.moveaxis(COLOUR, 3, 1)
    for images in (first, COLOUR.astype(np.int64), COLOUR.astype(">u2"), torch.from_numpy(first.copy()), COLOUR[:]):
        assert same(esper.task_from_arrays((images, LABELS)), expected)
    for labels in (LABELS.astype(np.uint8), LABELS[:, None], torch.from_numpy(LABELS)):
        assert same(esper.task_from_arrays((COLOUR, labels)), expected)


def test_grey_images_may_lack_the_channel() -> None:
    assert esper.task_from_arrays((GREY, LABELS)).input_shape == (1, 5, 6)
    assert same(esper.task_from_arrays((GREY, LABELS)), esper.task_from_arrays((GREY[..., None], LABELS)))


def test_splits_that_are_left_out_are_drawn_by_the_seed_and_those_that_are_given_are_kept() -> None:
    config = TaskConfig(name="mine", validation_fraction=0.3, test_fraction=0.2)
    drawn = esper.task_from_arrays((GREY, LABELS), config=config, seed=1)
    assert (drawn.name, len(drawn.train), len(drawn.validation), len(drawn.test)) == ("mine", 30, 18, 12)
    assert same(drawn, esper.task_from_arrays((GREY, LABELS), config=config, seed=1))
    assert not same(drawn, esper.task_from_arrays((GREY, LABELS), config=config, seed=2))
    pictures = {
        image.tobytes() for split in (drawn.train, drawn.validation, drawn.test) for image in split.inputs.numpy()
    }
    assert pictures == {image.tobytes() for image in GREY}
    parts = [(GREY[part], LABELS[part]) for part in (slice(30), slice(30, 45), slice(45, 60))]
    given = esper.task_from_arrays(*parts)
    assert torch.equal(given.test.inputs[:, 0], torch.from_numpy(GREY[45:]))
    assert torch.equal(given.validation.targets, torch.from_numpy(LABELS[30:45]))


def test_float_images_keep_their_values_and_are_normalised_by_their_own_moments() -> None:
    values = (COLOUR.astype(np.float64) - 100.0) / 7.0
    task = esper.task_from_arrays((values, LABELS), (values, LABELS), (values, LABELS))
    assert task.train.inputs.dtype == torch.float32
    np.testing.assert_allclose(task.mean, values.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(task.standard_deviation, values.std((0, 1, 2)), rtol=1e-6)


def test_hosts_see_the_same_whether_pictures_are_bytes_or_floats() -> None:
    """Normalisation takes the scale away."""
    seen = [
        BatchSource(
            esper.task_from_arrays((images, LABELS)), envs=1, batch_size=8, evaluation_batch_size=64, steps=1
        ).validation()[0]
        for images in (COLOUR, COLOUR / 255.0)
    ]
    torch.testing.assert_close(seen[0].inputs, seen[1].inputs, rtol=1e-4, atol=1e-4)
    assert torch.equal(seen[0].targets, seen[1].targets)


@pytest.mark.usefixtures("own_registry")
def test_hosts_learn_from_floats() -> None:
    """The class is written into the picture, so that a host which sees it is soon right."""
    values = RANDOM.uniform(0, 0.3, (240, 8, 8))
    labels = np.arange(240) % 2
    values[labels == 1, ::2] += 0.5
    esper.register_task("floats", "", lambda config, seed: esper.task_from_arrays((values, labels), config=config))
    assert check_task(TaskConfig(name="floats")).passed
    config = short_config(
        "task.name=floats", "run.rounds=1", "fleet.batch_size=16", "controller.name=static", "host.kernel_size=3"
    )
    assert train_ppo_vectorized(config).summaries[0].avg_accuracy > 80


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((COLOUR.tolist(), LABELS), "train images are a list: give a numpy array or a torch tensor"),
        (COLOUR, "train is a ndarray: give a tuple of two arrays"),
        (
            (COLOUR.astype(np.int32) - 3, LABELS),
            r"train images are integers from -3 to \d+: they must lie between 0 and",
        ),
        ((np.full((6, 4, 4), np.nan), LABELS[:6]), "train images hold values that are not finite"),
        ((COLOUR.astype(str), LABELS), "train images are a numpy array of <U3: give numbers"),
        ((GREY.reshape(60, 30), LABELS), r"train images have shape \(60, 30\): give \[N, H, W\]"),
        ((COLOUR[:, :3, :, :], LABELS), r"shape \(60, 3, 6, 3\), which does not show where the channels are"),
        ((COLOUR, LABELS[:50]), "train has 60 images and 50 labels"),
        ((COLOUR, LABELS.astype(float)), "train labels are float32: give integers"),
        ((COLOUR, np.eye(3, dtype=int)[LABELS]), r"train labels have shape \(60, 3\): give one integer per image"),
        ((COLOUR, LABELS - 1), "train labels start at -1: classes are counted from 0"),
    ],
)
def test_what_does_not_fit_is_named(pair: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        esper.task_from_arrays(pair)


def test_splits_must_be_alike_and_labels_in_range() -> None:
    with pytest.raises(ConfigError, match=r"test images have shape \(1, 5, 6\), and train images \(3, 5, 6\)"):
        esper.task_from_arrays((COLOUR, LABELS), test=(GREY, LABELS))
    with pytest.raises(ConfigError, match="test images have type float32, and train images uint8"):
        esper.task_from_arrays((GREY, LABELS), test=(GREY / 255.0, LABELS))
    with pytest.raises(ConfigError, match="train has label 2, and num_classes is 2"):
        esper.task_from_arrays((GREY, LABELS), num_classes=2)
    assert esper.task_from_arrays((GREY, LABELS), num_classes=9).num_classes == 9


def test_data_sets_of_torch_and_of_hugging_face_give_the_task_of_their_arrays() -> None:
    expected = esper.task_from_arrays((COLOUR, LABELS))
    first = torch.from_numpy(np.moveaxis(COLOUR, 3, 1).copy())
    torch_set = torch.utils.data.TensorDataset(first, torch.from_numpy(LABELS))
    assert same(esper.task_from_dataset(torch_set), expected)
    columns = [{"img": image, "label": int(label)} for image, label in zip(COLOUR, LABELS, strict=True)]
    assert same(esper.task_from_dataset(columns, image="img"), expected)
    pillow = pytest.importorskip("PIL.Image")
    pictures = [(pillow.fromarray(image), int(label)) for image, label in zip(COLOUR, LABELS, strict=True)]
    assert same(esper.task_from_dataset(pictures), expected)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "train has no items"),
        ([{"img": 1, "label": 0}], r"train\[0\] has no column 'image': it has img, label"),
        ([5], r"train\[0\] is a int: an item must be"),
        ([(1, 2, 3)], r"train\[0\] has 3 parts"),
        ([(GREY[0], 0), (GREY[0, 1:], 0)], r"train has images of shapes \(4, 6\) and \(5, 6\)"),
    ],
)
def test_items_of_another_kind_are_named(items: list[object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        esper.task_from_dataset(items)
