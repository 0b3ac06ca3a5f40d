"""Data sets that are fetched from their publishers: from where, with which checksum, and into which folder.

Nothing here needs torch, so `esper train` can fetch data before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from esper.contracts.files import user_path
from esper.errors import ConfigError
from esper.tasks.config import TaskConfig

if TYPE_CHECKING:
    from pooch.typing import Downloader

TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file that a publisher offers.

    md5: the publisher's own checksum.
    """

    url: str
    md5: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


_CIFAR: Final = "https://www.cs.toronto.edu/~kriz/"
_FASHION: Final = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"

REMOTE_FILES: dict[str, tuple[RemoteFile, ...]] = {
    "cifar10": (RemoteFile(url=f"{_CIFAR}cifar-10-binary.tar.gz", md5="c32a1d4ab5d03f1284b67883e8d87530"),),
    "cifar100": (RemoteFile(url=f"{_CIFAR}cifar-100-binary.tar.gz", md5="03b5dce01913d631647c71ecec9e9cb8"),),
    "fashion_mnist": (
        RemoteFile(url=f"{_FASHION}train-images-idx3-ubyte.gz", md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        RemoteFile(url=f"{_FASHION}train-labels-idx1-ubyte.gz", md5="25c81989df183df01b3e8a0aad5dffbe"),
        RemoteFile(url=f"{_FASHION}t10k-images-idx3-ubyte.gz", md5="bef4ecab320f06d8554ea6380940ec79"),
        RemoteFile(url=f"{_FASHION}t10k-labels-idx1-ubyte.gz", md5="bb300cfdad3c16e7a12a480ee83cd310"),
    ),
}
"""The files of each task that can be downloaded, by the task's name."""


def cache_directory() -> Path:
    """The folder in which downloads are kept, inside the user's cache folder, for example ~/.cache/esper."""
    import pooch

    return Path(cast("str", pooch.os_cache("esper")))


def prepare(config: TaskConfig) -> None:
    """Fetch the files of a task before it is loaded, if it is one that is downloaded and no path is given.

    Raises:
        ConfigError: see locate.
    """
    if config.name in REMOTE_FILES:
        locate(config)


def locate(config: TaskConfig) -> Path:
    """The file or folder with the files of a task: task.path, or else the cache, which is filled if necessary.

    Raises:
        ConfigError: nothing is at task.path, or the download failed or has a wrong checksum.
    """
    if config.path:
        path = user_path(config.path, "task.path")
        if not path.exists():
            raise ConfigError(
                f"task.path is {config.path!r}: there is nothing there; give the archive or the folder that holds the "
                f"files of {config.name}, or leave it empty to download them"
            )
        return path
    folder = cache_directory() / config.name
    for file in REMOTE_FILES[config.name]:
        _fetch(file, folder, config.name)
    return folder


def _fetch(file: RemoteFile, folder: Path, task: str) -> None:
    """Download a file into a folder, unless it is there with the right checksum."""
    import pooch

    from esper.tasks.download_bar import DownloadBar

    # The bar shows the download, so pooch need not log it.
    pooch.get_logger().setLevel("WARNING")
    with DownloadBar(file.name) as bar:
        # pooch documents that it accepts a bar object here, and its own downloader; its annotations say otherwise.
        fetcher = pooch.HTTPDownloader(progressbar=cast("bool", bar), timeout=TIMEOUT_SECONDS)
        try:
            pooch.retrieve(
                file.url,
                known_hash=f"md5:{file.md5}",
                fname=file.name,
                path=folder,
                downloader=cast("Downloader", fetcher),
            )
        # The exceptions of requests are OSErrors, and pooch reports a wrong checksum as a ValueError.
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"task {task} is not available: {file.url} could not be fetched into {folder} ({_reason(error)}); "
                "try again with a network, or put the file there yourself, or set task.path to it"
            ) from error


def _reason(error: Exception) -> str:
    """What went wrong, without the nesting that urllib3 puts around it."""
    if isinstance(error, ValueError) and "hash of downloaded file" in str(error):
        return "it does not have the publisher's checksum, so it was not kept"
    text = str(error)
    return text if len(text) <= 200 else f"{type(error).__name__}: {text[:200]}..."
