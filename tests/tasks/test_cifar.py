"""CIFAR-10 and CIFAR-100 from local files in their published binary layout."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from esper.errors import ConfigError
from esper.tasks.config import TaskConfig
from esper.tasks.data import Split, TaskData
from esper.tasks.local_files import read_archive_files
from esper.tasks.registry import load_task


class Cifar(Protocol):
    def cifar10(self, folder: Path, per_file: int = 40) -> dict[str, NDArray[np.uint8]]: ...
    def cifar100(self, folder: Path) -> dict[str, NDArray[np.uint8]]: ...
    def archive(self, folder: Path, path: Path) -> Path: ...


def load(path: Path, name: str = "cifar10", seed: int = 1, validation_fraction: float = 0.2) -> TaskData:
    return load_task(TaskConfig(name=name, path=str(path), validation_fraction=validation_fraction), seed)


def samples(*splits: Split) -> list[tuple[bytes, int]]:
    """Every sample as (pixels, label), sorted."""
    return sorted(
        (image.numpy().tobytes(), int(label))
        for split in splits
        for image, label in zip(split.inputs, split.targets, strict=True)
    )


def test_a_pixel_lands_where_the_published_layout_puts_it(cifar: Cifar, tmp_path: Path) -> None:
    files = cifar.cifar10(tmp_path)
    data = load(tmp_path)
    record = files["test_batch.bin"][3]
    red, green, blue = record[1:1025], record[1025:2049], record[2049:]
    assert data.test.targets[3] == record[0]
    assert data.test.inputs[3, 0, 0, 31] == red[31]
    assert data.test.inputs[3, 1, 2, 5] == green[2 * 32 + 5]
    assert data.test.inputs[3, 2, 31, 0] == blue[31 * 32]


def test_validation_comes_out_of_the_training_files_and_test_stays_official(cifar: Cifar, tmp_path: Path) -> None:
    files = cifar.cifar10(tmp_path)
    data = load(tmp_path)
    official = [
        (record[1:].tobytes(), int(record[0])) for name, part in files.items() if "data" in name for record in part
    ]
    assert samples(data.train, data.validation) == sorted(official)
    assert torch.equal(data.test.targets, torch.from_numpy(files["test_batch.bin"][:, 0].astype(np.int64)))
    assert [len(data.train), len(data.validation), len(data.test)] == [160, 40, 40]
    assert torch.bincount(data.validation.targets).tolist() == [4] * 10


def test_the_seed_decides_which_images_validate(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path)
    first, again, other = (load(tmp_path, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.validation.inputs, again.validation.inputs)
    assert not torch.equal(first.validation.inputs, other.validation.inputs)


def test_cifar100_uses_the_fine_label(cifar: Cifar, tmp_path: Path) -> None:
    files = cifar.cifar100(tmp_path / "cifar-100-binary")
    data = load(tmp_path, "cifar100")
    assert data.num_classes == 100
    assert data.test.targets.tolist() == files["test.bin"][:, 1].tolist()
    assert data.test.inputs[9].numpy().tobytes() == files["test.bin"][9, 2:].tobytes()


def test_archive_and_folders_are_the_same_data(cifar: Cifar, tmp_path: Path) -> None:
    extracted = tmp_path / "cifar-10-batches-bin"
    cifar.cifar10(extracted)
    (tmp_path / "archives").mkdir()
    archive = cifar.archive(extracted, tmp_path / "archives" / "cifar-10-binary.tar.gz")
    first = load(extracted)
    for path in (tmp_path, archive, archive.parent):
        assert torch.equal(load(path).train.inputs, first.train.inputs)


@pytest.mark.parametrize("cut", [1, 3072])
def test_a_truncated_file_is_the_users_to_mend(cifar: Cifar, tmp_path: Path, cut: int) -> None:
    cifar.cifar10(tmp_path)
    file = tmp_path / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(ConfigError, match=r"data_batch_3\.bin has .* bytes.*3,073 bytes.*fetch"):
        load(tmp_path)


def test_an_empty_file_is_an_error(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"test_batch\.bin has 0 bytes"):
        load(tmp_path)


def test_a_missing_file_is_named(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path)
    (tmp_path / "data_batch_5.bin").unlink()
    with pytest.raises(ConfigError, match=r"data_batch_5\.bin cannot be read"):
        load(tmp_path)


def test_an_archive_without_a_file_names_it(cifar: Cifar, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    cifar.cifar10(folder)
    (folder / "data_batch_2.bin").unlink()
    archive = cifar.archive(folder, tmp_path / "cifar.tar.gz")
    with pytest.raises(ConfigError, match=r"cifar\.tar\.gz does not hold data_batch_2\.bin"):
        load(archive)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
def test_a_truncated_archive_is_an_error(cifar: Cifar, tmp_path: Path, keep: float) -> None:
    folder = tmp_path / "files"
    cifar.cifar10(folder)
    archive = cifar.archive(folder, tmp_path / "cifar.tar.gz")
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(ConfigError, match=r"cifar\.tar\.gz is truncated or damaged"):
        load(archive)


def test_a_label_that_does_not_exist_is_an_error(cifar: Cifar, tmp_path: Path) -> None:
    files = cifar.cifar10(tmp_path)
    files["data_batch_1.bin"][5, 0] = 10
    (tmp_path / "data_batch_1.bin").write_bytes(files["data_batch_1.bin"].tobytes())
    with pytest.raises(ConfigError, match=r"data_batch_1\.bin has label 10, but labels go from 0 to 9"):
        load(tmp_path)


def test_nothing_at_the_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"task\.path is .*nowhere'.*nothing there"):
        load(tmp_path / "nowhere")


def test_another_folder_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither data_batch_1\.bin nor .* nor cifar-10-binary\.tar\.gz"):
        load(tmp_path)


def test_too_few_images_to_split_is_an_error(cifar: Cifar, tmp_path: Path) -> None:
    cifar.cifar10(tmp_path, per_file=10)
    with pytest.raises(ConfigError, match=r"50 samples cannot be split.*task\.validation_fraction"):
        load(tmp_path, validation_fraction=0.1)


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
def test_an_archive_is_read_whatever_packed_it(cifar: Cifar, tmp_path: Path, compression: str) -> None:
    records = cifar.cifar10(tmp_path / "cifar-10-batches-bin", per_file=2)
    path = tmp_path / "archive"
    with tarfile.open(path, f"w:{compression}") as archive:
        archive.add(tmp_path / "cifar-10-batches-bin", arcname="cifar-10-batches-bin")
    assert read_archive_files(path, "", "", [*records]) == {name: one.tobytes() for name, one in records.items()}


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_gigabytes_is_refused_before_it_is_read(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("header")
    info.size, info.type = 6 * 2**30, kind
    with gzip.open(tmp_path / "bomb.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(ConfigError, match="a part of it claims to be larger than 268,435,456 bytes"):
        read_archive_files(tmp_path / "bomb.tar.gz", "", "", ["data_batch_1.bin"])
