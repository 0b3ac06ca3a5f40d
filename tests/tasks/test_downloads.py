"""Downloads, from a server on this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from esper.errors import ConfigError
from esper.tasks import downloads
from esper.tasks.config import TaskConfig
from esper.tasks.downloads import RemoteFile
from esper.tasks.registry import load_task


class Cifar(Protocol):
    def cifar10(self, folder: Path, per_file: int = 40) -> dict[str, NDArray[np.uint8]]: ...
    def archive(self, folder: Path, path: Path) -> Path: ...


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """Serves tmp_path/served."""
    (tmp_path / "served").mkdir()
    handler = partial(QuietHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def remote(server: ThreadingHTTPServer, cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small CIFAR-10 archive that the server offers, made known with its checksum; the cache is tmp_path's."""
    cifar.cifar10(tmp_path / "files")
    archive = cifar.archive(tmp_path / "files", tmp_path / "served" / "cifar-10-binary.tar.gz")
    offer(monkeypatch, server, archive, hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(downloads, "cache_directory", lambda: tmp_path / "cache")
    return archive


def offer(monkeypatch: pytest.MonkeyPatch, server: ThreadingHTTPServer, archive: Path, md5: str) -> None:
    url = f"http://127.0.0.1:{server.server_port}/{archive.name}"
    monkeypatch.setitem(downloads.REMOTE_FILES, "cifar10", (RemoteFile(url=url, md5=md5),))


def test_a_download_is_kept_and_not_fetched_again(
    remote: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = load_task(TaskConfig(name="cifar10"), 1)
    assert len(data.train) + len(data.validation) == 200
    assert capfd.readouterr().err.startswith("downloading cifar-10-binary.tar.gz, ")
    assert (tmp_path / "cache" / "cifar10" / remote.name).read_bytes() == remote.read_bytes()
    remote.unlink()
    assert len(load_task(TaskConfig(name="cifar10"), 1).test) == 40
    assert capfd.readouterr() == ("", "")


def test_a_wrong_checksum_keeps_nothing(
    remote: Path, server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, server, remote, "0" * 32)
    with pytest.raises(ConfigError, match=r"cifar-10-binary\.tar\.gz could not be fetched.*checksum.*task\.path"):
        downloads.prepare(TaskConfig(name="cifar10"))
    assert list((tmp_path / "cache" / "cifar10").iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(remote: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "cifar10" / remote.name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(remote.read_bytes()[:1000])
    downloads.prepare(TaskConfig(name="cifar10"))
    assert kept.read_bytes() == remote.read_bytes()


def test_a_server_that_has_no_such_file_is_named(remote: Path) -> None:
    remote.unlink()
    with pytest.raises(ConfigError, match=r"task cifar10 is not available.*404.*task\.path"):
        downloads.prepare(TaskConfig(name="cifar10"))


def test_no_network_is_one_short_line(remote: Path, server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(ConfigError, match="task cifar10 is not available") as raised:
        downloads.prepare(TaskConfig(name="cifar10"))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 700


def test_a_task_without_downloads_needs_no_network() -> None:
    downloads.prepare(TaskConfig(name="digits"))


def test_a_path_is_used_instead_of_the_network(remote: Path, tmp_path: Path) -> None:
    data = load_task(TaskConfig(name="cifar10", path=str(tmp_path / "files")), 1)
    assert len(data.test) == 40
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(os.name != "posix", reason="looks at XDG_CACHE_HOME")
def test_the_cache_is_where_the_user_wants_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert downloads.cache_directory() == tmp_path / "esper"


def test_every_remote_file_has_the_publishers_checksum() -> None:
    checksums = [file.md5 for files in downloads.REMOTE_FILES.values() for file in files]
    assert all(len(md5) == 32 and int(md5, 16) >= 0 for md5 in checksums)
    assert len(set(checksums)) == len(checksums) == 6


def test_preparing_needs_no_torch() -> None:
    code = "import sys; from esper.tasks import downloads, config; downloads.prepare(config.TaskConfig(name='digits'))"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)
