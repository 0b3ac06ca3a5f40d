"""How a run was made: the command, the machine, the versions and the plug-ins, for the header of its files.

What only the trainer knows (threads, the BLAS library, the data's checksum) is in the event TRAINING_STARTED instead,
because a run that goes on may have other values.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from esper.layers.native.compiler import KernelsUnavailableError, compilers
from esper.plugins import PluginRecord, describe_plugins
from esper.telemetry.bounds import Count

_SECONDS: Final = 5.0
"""How long git or a compiler may take to say what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitState:
    """A git repository.

    dirty: whether tracked files differ from the commit.
    """

    folder: str
    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How a run was made. What could not be found out is None.

    command: the words of the command line.
    processors: how many there are.
    compiler: the C compiler, with its version, that would compile the native kernels.
    project: the repository of the working directory.
    source: the repository of Esper's own code; None if it is installed as a package.
    plugins: installed ones and those that the run names.
    """

    command: tuple[str, ...]
    directory: str
    host_name: str
    platform: str
    processor: str
    processors: Count
    python: str
    torch: str
    numpy: str
    compiler: str | None
    project: GitState | None
    source: GitState | None
    plugins: tuple[PluginRecord, ...]


def find_provenance(plugins: tuple[str, ...]) -> Provenance:
    """The provenance of a run that this process is about to record.

    plugins: the modules that the run names.
    """
    return Provenance(
        command=tuple(sys.argv),
        directory=os.getcwd(),
        host_name=platform.node(),
        platform=platform.platform(),
        processor=processor_name(),
        processors=os.cpu_count() or 1,
        python=platform.python_version(),
        torch=version("torch"),
        numpy=version("numpy"),
        compiler=_compiler(),
        project=_git_state(Path.cwd()),
        source=_git_state(Path(__file__).parent),
        plugins=describe_plugins(plugins),
    )


def processor_name() -> str:
    """The model of the CPU, as far as the system reports it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


@cache
def _compiler() -> str | None:
    try:
        command = compilers()[0]
    except KernelsUnavailableError:
        return None
    said = _output([*command, "--version"], Path.cwd())
    return said.splitlines()[0] if said else None


@cache
def _git_state(folder: Path) -> GitState | None:
    """The repository that holds a folder, as it was when it was first asked for; None if the folder is in none."""
    top = _output(["git", "rev-parse", "--show-toplevel"], folder)
    commit = _output(["git", "rev-parse", "HEAD"], folder)
    changes = _output(["git", "status", "--porcelain", "--untracked-files=no"], folder)
    if not top or not commit or changes is None or _is_ignored(folder):
        return None
    return GitState(folder=top, commit=commit, dirty=bool(changes))


def _is_ignored(folder: Path) -> bool:
    """Whether git ignores the folder, as it does a virtual environment inside a repository."""
    return bool(_output(["git", "check-ignore", "."], folder))


def _output(command: list[str], folder: Path) -> str | None:
    """What a command prints, without the last newline; None if it cannot run or fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()
