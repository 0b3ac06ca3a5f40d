"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their published binary layout: 3x32x32 colour images.

A record is one label byte (in CIFAR-100 a coarse and a fine one) and 3,072 bytes of red, green and blue rows. Files at
task.path may hold any number of whole records, so a smaller set in the same layout works, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.downloads import locate
from esper.tasks.labelled_images import LabelledImages, build_task, check_labels
from esper.tasks.local_files import read_archive_files

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CifarLayout:
    """How a CIFAR archive is laid out. The label is the last of a record's label_bytes."""

    archive: str
    folder: str
    train_files: tuple[str, ...]
    test_file: str
    label_bytes: int
    num_classes: int


CIFAR10 = CifarLayout(
    archive="cifar-10-binary.tar.gz",
    folder="cifar-10-batches-bin",
    train_files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    test_file="test_batch.bin",
    label_bytes=1,
    num_classes=10,
)
CIFAR100 = CifarLayout(
    archive="cifar-100-binary.tar.gz",
    folder="cifar-100-binary",
    train_files=("train.bin",),
    test_file="test.bin",
    label_bytes=2,
    num_classes=100,
)


def load_cifar10(config: TaskConfig, seed: int) -> TaskData:
    """Load CIFAR-10. The official test batch is the test split.

    Raises:
        ConfigError: the data set is not available, or is truncated or damaged.
    """
    return _load(CIFAR10, config, seed)


def load_cifar100(config: TaskConfig, seed: int) -> TaskData:
    """Load CIFAR-100 with its fine labels. The official test file is the test split.

    Raises:
        ConfigError: the data set is not available, or is truncated or damaged.
    """
    return _load(CIFAR100, config, seed)


def _load(layout: CifarLayout, config: TaskConfig, seed: int) -> TaskData:
    names = (*layout.train_files, layout.test_file)
    files = read_archive_files(locate(config), layout.archive, layout.folder, names)
    records = {name: parse_records(name, content, layout) for name, content in files.items()}
    train = [records[name] for name in layout.train_files]
    return build_task(
        config,
        seed,
        num_classes=layout.num_classes,
        train=LabelledImages(
            np.concatenate([part.images_nchw for part in train]), np.concatenate([part.labels_n for part in train])
        ),
        test=records[layout.test_file],
    )


def parse_records(name: str, content: bytes, layout: CifarLayout) -> LabelledImages:
    """The records of one file.

    name: the file's name, for messages.

    Raises:
        ConfigError: the file is empty, does not consist of whole records, or has a label that does not exist.
    """
    size = layout.label_bytes + PIXELS
    if not content or len(content) % size:
        raise ConfigError(
            f"{name} has {len(content):,} bytes, which is not a number of whole records of {size:,} bytes: it is "
            "truncated or in another layout; fetch the binary version again"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, size)
    labels = records[:, layout.label_bytes - 1].copy()
    check_labels(name, labels, layout.num_classes)
    return LabelledImages(records[:, layout.label_bytes :].reshape(-1, *SHAPE).copy(), labels)
