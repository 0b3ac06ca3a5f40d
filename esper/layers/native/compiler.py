"""The C compiler of the user's machine: which one, with which options, and for how long it may work."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from esper.errors import ConfigError

_SECONDS: Final = 60.0
"""How long one compiler may take. gcc needs two to eight."""
_CANDIDATES: Final = ("gcc", "cc", "clang")
# NaN and infinity keep their meaning.
_OPTIONS: Final = ("-std=gnu11", "-fPIC", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-w", "-Wno-psabi")


class KernelsUnavailableError(ConfigError):
    """The kernels cannot be compiled or loaded here; the message says why."""


def processor_option() -> str:
    """Whoever compiles for "native" gets vectors as wide as the processor has; ESPER_MARCH names another target."""
    return f"-march={os.environ.get('ESPER_MARCH') or 'native'}"


def options() -> tuple[str, ...]:
    """The options that decide what the library computes."""
    return (processor_option(), *_OPTIONS)


def compilers() -> list[list[str]]:
    """The compiler commands that exist here, in the order in which they are tried: what CC names, or else all known.

    A compiler with two names, as gcc often is cc, is tried once.

    Raises:
        KernelsUnavailableError: there is none.
    """
    named = os.environ.get("CC", "").strip()
    try:
        wanted = [shlex.split(named)] if named else [[name] for name in _CANDIDATES]
    except ValueError as error:
        raise KernelsUnavailableError(f"the environment variable CC is {named!r}: {error}") from error
    found: dict[Path, list[str]] = {}
    for command in wanted:
        program = shutil.which(command[0])
        if program is not None:
            found.setdefault(Path(program).resolve(), command)
    if not found:
        names = ", ".join(command[0] for command in wanted)
        raise KernelsUnavailableError(f"there is no C compiler ({names}): install gcc, or name one in CC")
    return list(found.values())


def compile_kernels(sources: list[Path], definitions: tuple[str, ...], target: Path) -> None:
    """Compile the sources into a shared library, with the first compiler that can.

    Raises:
        KernelsUnavailableError: none can; the message says what the first of them said.
    """
    problems: list[str] = []
    for command in compilers():
        problem = _run([*command, _level(command), *options(), *definitions, "-shared", *map(str, sources)], target)
        if problem is None:
            return
        problems.append(f"{shlex.join(command)} cannot compile the kernels: {problem}")
    raise KernelsUnavailableError(problems[0])


def _level(command: list[str]) -> str:
    """-O3; clang needs thirty times as long for that, and gains nothing."""
    return "-O1" if "clang" in Path(command[0]).name else "-O3"


def _run(command: list[str], target: Path) -> str | None:
    """None if the command has made the target, else why not. What it started is ended with it."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [*command, "-o", str(target), "-lm"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            return f"it does not start ({error.strerror})"
        try:
            code = process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            return f"it has not finished after {_SECONDS:g} seconds"
        finally:
            if process.poll() is None:  # too slow, or the user has interrupted: its helpers must not work on
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    if code == 0 and target.exists():
        return None
    return lines[0] if lines else f"it ended with code {code} and no message"
