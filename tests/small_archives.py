"""Small data sets in the layouts in which the real ones are published, as fixtures for every test."""

from __future__ import annotations

import gzip
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class Cifar:
    """Builds a small data set in the published binary layouts of CIFAR-10 and CIFAR-100.

    Every image is random, so that no two are equal.
    """

    def __init__(self) -> None:
        self._random = np.random.default_rng(7)

    def records(self, count: int, *, classes: int, label_bytes: int) -> Bytes:
        labels = np.arange(count) % classes
        records = self._random.integers(0, 256, (count, label_bytes + 3072), dtype=np.uint8)
        records[:, 0] = labels // 5  # coarse label of CIFAR-100
        records[:, label_bytes - 1] = labels
        return records

    def cifar10(self, folder: Path, per_file: int = 40) -> dict[str, Bytes]:
        """Extracted files in folder; the records by file name."""
        names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
        return self._write(folder, {name: self.records(per_file, classes=10, label_bytes=1) for name in names})

    def cifar100(self, folder: Path) -> dict[str, Bytes]:
        sizes = {"train.bin": 1000, "test.bin": 100}
        return self._write(
            folder, {name: self.records(size, classes=100, label_bytes=2) for name, size in sizes.items()}
        )

    def _write(self, folder: Path, files: dict[str, Bytes]) -> dict[str, Bytes]:
        folder.mkdir(parents=True, exist_ok=True)
        for name, records in files.items():
            (folder / name).write_bytes(records.tobytes())
        return files

    def archive(self, folder: Path, path: Path) -> Path:
        """folder as a compressed tar archive."""
        with tarfile.open(path, "w:gz") as archive:
            archive.add(folder, arcname=folder.name)
        return path


class FashionMnist:
    """Builds a small data set in the published IDX layout of Fashion-MNIST."""

    def write(self, folder: Path, *, packed: bool = True) -> dict[str, Bytes]:
        random = np.random.default_rng(8)
        arrays: dict[str, Bytes] = {}
        for prefix, count in (("train", 200), ("t10k", 50)):
            arrays[f"{prefix}-images-idx3-ubyte"] = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            arrays[f"{prefix}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return arrays


@pytest.fixture
def cifar() -> Cifar:
    return Cifar()


@pytest.fixture
def fashion_mnist() -> FashionMnist:
    return FashionMnist()
