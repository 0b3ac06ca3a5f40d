"""Compiles the kernels for this machine, once. The library is kept in the user's cache folder.

Needs a C compiler with OpenMP (compiler.py says which). Where there is none, the algorithm "native" is not available,
and unavailable() says why. A failure is remembered like a success: nobody waits for the same compiler twice.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import torch

from esper.layers.algorithm import ALGORITHMS, StackedAlgorithm
from esper.layers.native import kept
from esper.layers.native.compiler import KernelsUnavailableError, compile_kernels, compilers, options
from esper.layers.native.kept import cache_folder

__all__ = [
    "KernelsUnavailableError",
    "cache_folder",
    "cpu_algorithms",
    "library",
    "library_name",
    "processor",
    "unavailable",
]

_HERE: Final = Path(__file__).parent
_HEADERS: Final = ("common.h", "convolution.h", "norm.h", "layers.h", "program.h")
_SOURCES: Final = ("block.c", "seed.c", "slot.c", "optimizer.c")
_TYPES: Final = {
    torch.float32: ("-DREAL=float", "-DSUFFIX=f32", "-DINTEGER=int32_t", "-DSQRT=sqrtf", "-DEXP=expf", "-DTANH=tanhf"),
    torch.float64: ("-DREAL=double", "-DSUFFIX=f64", "-DINTEGER=int64_t", "-DSQRT=sqrt", "-DEXP=exp", "-DTANH=tanh"),
}


def library(dtype: torch.dtype) -> ctypes.CDLL:
    """The kernels for float32 or float64, compiled if this machine has not compiled them yet (a few seconds).

    Raises:
        KernelsUnavailableError: no compiler, it failed, or there are no kernels for this type.
    """
    found = _library_or_reason(dtype)
    if isinstance(found, str):
        raise KernelsUnavailableError(found)
    return found


def unavailable(dtype: torch.dtype = torch.float32) -> str | None:
    """None if the kernels can be used here, else why not."""
    found = _library_or_reason(dtype)
    return found if isinstance(found, str) else None


def is_compiled(dtype: torch.dtype = torch.float32) -> bool:
    """Whether library() answers at once: the kernels are kept here, or cannot be had at all."""
    if dtype not in _TYPES or kept.load(library_name(dtype)) is not None:
        return True
    try:
        return kept.failure(library_name(dtype), _situation()) is not None
    except KernelsUnavailableError:
        return True


def cpu_algorithms() -> tuple[StackedAlgorithm, ...]:
    """The algorithms that work on this machine's CPU."""
    return tuple(one for one in ALGORITHMS if one != "native" or unavailable(torch.get_default_dtype()) is None)


@cache
def _library_or_reason(dtype: torch.dtype) -> ctypes.CDLL | str:
    """The library, or why there is none. Both are found out once per process."""
    if dtype not in _TYPES:
        return f"there are no native kernels for {dtype}"
    name = library_name(dtype)
    found = kept.load(name)
    if found is not None:
        return found
    try:
        situation = _situation()
        return kept.failure(name, situation) or _compiled(dtype, name, situation)
    except KernelsUnavailableError as error:
        return str(error)


def _compiled(dtype: torch.dtype, name: str, situation: str) -> ctypes.CDLL | str:
    with tempfile.TemporaryDirectory(prefix="esper-kernels-") as folder:
        built = Path(folder) / name
        try:
            compile_kernels([_HERE / source for source in _SOURCES], _TYPES[dtype], built)
            return kept.keep_and_load(built, name)
        except KernelsUnavailableError as error:
            reason = str(error)
        except OSError as error:
            reason = f"the compiled kernels cannot be loaded: {error}"
    kept.remember_failure(name, situation, reason)
    return reason


def library_name(dtype: torch.dtype) -> str:
    """By sources, options and processor: a home folder may be shared by unlike machines. No compiler is asked."""
    digest = hashlib.sha256()
    for name in (*_HEADERS, *_SOURCES):
        digest.update((_HERE / name).read_bytes())
    described = (os.environ.get("CC", ""), *options(), *_TYPES[dtype], platform.machine(), processor())
    digest.update("\0".join(described).encode())
    return f"kernels-{digest.hexdigest()[:16]}.so"


def _situation() -> str:
    """The compilers of this machine: when one is added or replaced, what has failed is worth another try.

    Raises:
        KernelsUnavailableError: there is none.
    """
    found: list[str] = []
    for command in compilers():
        path = shutil.which(command[0]) or command[0]
        found.append(f"{path} {Path(path).stat().st_mtime_ns}")
    return ", ".join(found)


@cache
def processor() -> str:
    """Model and instruction sets of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))
