"""Compiles the kernels for this machine, once. The library is kept in the user's cache folder.

Needs gcc (or what the environment variable CC names) with OpenMP. Where there is none, the algorithm "native" is not
available, and available() says why.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs
import torch

from esper.errors import ConfigError
from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm

_HERE: Final = Path(__file__).parent
_HEADERS: Final = ("common.h",)
_SOURCES: Final = ("block.c", "seed.c", "program.c", "optimizer.c")
# Whoever compiles for "native" gets vectors as wide as the processor has. NaN and infinity keep their meaning.
_FLAGS: Final = (
    "-O3",
    "-march=native",
    "-std=gnu11",
    "-fPIC",
    "-fopenmp",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-w",
)
_TYPES: Final = {
    torch.float32: ("-DREAL=float", "-DSUFFIX=f32", "-DINTEGER=int32_t", "-DSQRT=sqrtf", "-DEXP=expf", "-DTANH=tanhf"),
    torch.float64: ("-DREAL=double", "-DSUFFIX=f64", "-DINTEGER=int64_t", "-DSQRT=sqrt", "-DEXP=exp", "-DTANH=tanh"),
}
_COMPILE_SECONDS: Final = 120


class KernelsUnavailableError(ConfigError):
    """The kernels cannot be compiled or loaded here; the message says why."""


@cache
def library(dtype: torch.dtype) -> ctypes.CDLL:
    """The kernels for float32 or float64, compiled if this machine has not compiled them yet (about two seconds).

    Raises:
        KernelsUnavailableError: no compiler, it failed, or there are no kernels for this type.
    """
    if dtype not in _TYPES:
        raise KernelsUnavailableError(f"there are no native kernels for {dtype}")
    compiler = _compiler()
    name = f"kernels-{_fingerprint(compiler, dtype)}.so"
    kept = cache_folder() / name
    if kept.exists():
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory(prefix="esper-kernels-") as folder:
        built = Path(folder) / name
        _compile(compiler, dtype, built)
        return ctypes.CDLL(str(_keep(built, kept)))


def unavailable(dtype: torch.dtype = torch.float32) -> str | None:
    """None if the kernels can be used here, else why not."""
    try:
        library(dtype)
    except KernelsUnavailableError as error:
        return str(error)
    return None


def cpu_algorithms() -> tuple[StackedAlgorithm, ...]:
    """The algorithms that work on this machine's CPU."""
    return tuple(one for one in ALGORITHMS if one != "native" or unavailable(torch.get_default_dtype()) is None)


def cache_folder() -> Path:
    """Where compiled kernels and measured choices are kept, for example ~/.cache/esper."""
    return Path(platformdirs.user_cache_dir("esper"))


def _compiler() -> str:
    wanted = os.environ.get("CC") or "gcc"
    found = shutil.which(wanted)
    if found is None:
        raise KernelsUnavailableError(f"there is no C compiler ({wanted}): install gcc, or name one in CC")
    return found


def _fingerprint(compiler: str, dtype: torch.dtype) -> str:
    """Sources, options, compiler and processor: a home folder may be shared by unlike machines."""
    digest = hashlib.sha256()
    for name in (*_HEADERS, *_SOURCES):
        digest.update((_HERE / name).read_bytes())
    described = (compiler, _version(compiler), *_FLAGS, *_TYPES[dtype], platform.machine(), processor())
    digest.update("\0".join(described).encode())
    return digest.hexdigest()[:16]


def _version(compiler: str) -> str:
    try:
        ran = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise KernelsUnavailableError(f"{compiler} does not run: {error}") from error
    return ran.stdout


@cache
def processor() -> str:
    """Model and instruction sets of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _compile(compiler: str, dtype: torch.dtype, target: Path) -> None:
    sources = [str(_HERE / name) for name in _SOURCES]
    command = [compiler, *_FLAGS, *_TYPES[dtype], "-shared", *sources, "-o", str(target), "-lm"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_COMPILE_SECONDS)
    except subprocess.CalledProcessError as error:
        reason = str(error.stderr).strip().splitlines() or ["no message"]
        raise KernelsUnavailableError(f"{compiler} cannot compile the kernels: {reason[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelsUnavailableError(f"{compiler} cannot compile the kernels: {error}") from error


def _keep(built: Path, kept: Path) -> Path:
    """Move the library into place at once, or leave it where it is when the cache folder cannot be written."""
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(built, beside)
        beside.replace(kept)
    except OSError:
        return built
    return kept
