"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017) in its published IDX layout: 28x28 grey images of clothes."""

from __future__ import annotations

import math

import numpy as np

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.downloads import locate
from esper.tasks.labelled_images import Bytes, LabelledImages, build_task, check_labels
from esper.tasks.local_files import read_gzipped_file

NUM_CLASSES = 10
UNSIGNED_BYTE = 8
"""IDX's code for the type of the elements: unsigned bytes."""


def load(config: TaskConfig, seed: int) -> TaskData:
    """Load Fashion-MNIST from the cache, or from a folder with its four files, compressed or not.

    Raises:
        ConfigError: the data set is not available, or is truncated or damaged.
    """
    folder = locate(config)
    if folder.is_file():
        raise ConfigError(f"task.path is {config.path!r}, a file: fashion_mnist is a folder with four files")

    def read(prefix: str) -> LabelledImages:
        images_name, labels_name = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
        images = parse_idx(images_name, read_gzipped_file(folder, images_name), dimensions=3)
        labels = parse_idx(labels_name, read_gzipped_file(folder, labels_name), dimensions=1)
        if len(images) != len(labels):
            raise ConfigError(
                f"{images_name} has {len(images):,} images and {labels_name} {len(labels):,} labels: they belong to "
                "different sets; fetch both again"
            )
        check_labels(labels_name, labels, NUM_CLASSES)
        return LabelledImages(images[:, None], labels)

    return build_task(config, seed, num_classes=NUM_CLASSES, train=read("train"), test=read("t10k"))


def parse_idx(name: str, content: bytes, *, dimensions: int) -> Bytes:
    """The array of one IDX file of unsigned bytes.

    name: the file's name, for messages.

    Raises:
        ConfigError: the file is in another layout, or shorter or longer than its header says.
    """
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, UNSIGNED_BYTE, dimensions)):
        raise ConfigError(f"{name} is no IDX file of bytes in {dimensions} dimensions: fetch it again")
    shape = tuple(int(length) for length in np.frombuffer(content[4:start], dtype=">u4"))
    if len(content) - start != math.prod(shape) or 0 in shape:
        raise ConfigError(
            f"{name} has {len(content) - start:,} bytes of data where its header says {math.prod(shape):,}: it is "
            "truncated or damaged; fetch it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()
