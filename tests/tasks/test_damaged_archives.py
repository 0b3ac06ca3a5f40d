"""Archives of data sets with flipped bits, missing ends and lost blocks: an error, or the very same data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import assert_said_well, cases, flip_bits, lose_block, truncate
from small_archives import Cifar, FashionMnist

from esper.errors import ConfigError
from esper.tasks.cifar import CIFAR10
from esper.tasks.config import TaskConfig
from esper.tasks.fashion_mnist import parse_idx
from esper.tasks.local_files import read_archive_files, read_gzipped_file
from esper.tasks.text import load_tinystories

NAMES = (*CIFAR10.train_files, CIFAR10.test_file)
IMAGES = "t10k-images-idx3-ubyte"


def damaged(name: str, path: Path, count: int) -> list[Callable[[], object]]:
    """One function for each case, which puts the damage in place."""
    content = path.read_bytes()
    kinds = (flip_bits, flip_bits, truncate, lose_block)
    return [
        lambda stream=stream: path.write_bytes(stream.choice(kinds)(content, stream)) for stream in cases(name, count)
    ]


def test_a_tar_archive_is_refused_or_holds_the_same_files(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path / "folder", per_file=2)
    path = cifar.archive(tmp_path / "folder", tmp_path / "cifar.tar.gz")
    whole = read_archive_files(path, "", "", NAMES)
    for damage in damaged("tar", path, 150):
        damage()
        try:
            assert read_archive_files(path, "", "", NAMES) == whole
        except ConfigError as error:
            assert_said_well(error)


def test_a_gzip_file_is_refused_or_holds_the_same_bytes(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    whole = fashion_mnist.write(tmp_path)[IMAGES]
    for damage in damaged("gzip", tmp_path / f"{IMAGES}.gz", 150):
        damage()
        try:
            assert (parse_idx(IMAGES, read_gzipped_file(tmp_path, IMAGES), dimensions=3) == whole).all()
        except ConfigError as error:
            assert_said_well(error)


def test_a_plain_file_is_refused_or_has_the_right_form(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    fashion_mnist.write(tmp_path, packed=False)
    for damage in damaged("plain", tmp_path / IMAGES, 100):
        damage()
        try:
            assert parse_idx(IMAGES, read_gzipped_file(tmp_path, IMAGES), dimensions=3).ndim == 3
        except ConfigError as error:
            assert_said_well(error)


def test_a_parquet_file_is_refused_or_is_text(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "stories.parquet"
    parquet.write_table(pyarrow.table({"text": [f"Once upon a time there were {n} mice." for n in range(200)]}), path)
    config = TaskConfig(name="tinystories", path=str(path), context=16)
    for damage in damaged("parquet", path, 60):
        damage()
        try:
            assert load_tinystories(config, 0).num_classes == 256
        except ConfigError as error:
            assert_said_well(error)
