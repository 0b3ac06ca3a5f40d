"""Fashion-MNIST from local files in its published IDX layout."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import TaskData
from esper.tasks.registry import load_task


class FashionMnist(Protocol):
    def write(self, folder: Path, *, packed: bool = True) -> dict[str, NDArray[np.uint8]]: ...


def load(path: Path) -> TaskData:
    return load_task(TaskConfig(name="fashion_mnist", path=str(path)), 1)


@pytest.mark.parametrize("packed", [True, False])
def test_images_and_labels_are_those_of_the_files(fashion_mnist: FashionMnist, tmp_path: Path, packed: bool) -> None:
    arrays = fashion_mnist.write(tmp_path, packed=packed)
    data = load(tmp_path)
    assert data.input_shape == (1, 28, 28)
    assert [len(data.train), len(data.validation), len(data.test)] == [160, 40, 50]
    assert (data.test.inputs[:, 0].numpy() == arrays["t10k-images-idx3-ubyte"]).all()
    assert (data.test.targets.numpy() == arrays["t10k-labels-idx1-ubyte"]).all()


def test_a_truncated_download_is_an_error(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    fashion_mnist.write(tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ConfigError, match=r"t10k-images-idx3-ubyte\.gz is truncated or damaged"):
        load(tmp_path)


def test_fewer_bytes_than_the_header_says_is_an_error(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    fashion_mnist.write(tmp_path, packed=False)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"train-images-idx3-ubyte has 156,799 bytes.*header says 156,800"):
        load(tmp_path)


def test_another_kind_of_file_is_an_error(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    fashion_mnist.write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"<html>not found</html>"))
    with pytest.raises(ConfigError, match="train-labels-idx1-ubyte is no IDX file"):
        load(tmp_path)


def test_images_and_labels_of_different_sets_are_an_error(fashion_mnist: FashionMnist, tmp_path: Path) -> None:
    fashion_mnist.write(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes((tmp_path / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(ConfigError, match="200 images and train-labels-idx1-ubyte 50 labels"):
        load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither train-images-idx3-ubyte\.gz nor"):
        load(tmp_path)
