"""A drawing as a file: SVG as it is, PNG through a converter that is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from esper.errors import ConfigError

CONVERTERS: Final[dict[str, Callable[[Path, Path], list[str]]]] = {
    "rsvg-convert": lambda svg, png: ["-o", str(png), str(svg)],
    "resvg": lambda svg, png: [str(svg), str(png)],
    "inkscape": lambda svg, png: [str(svg), f"--export-filename={png}"],
}
"""The arguments of each program that turns an SVG into a PNG, the best first."""


def converter(path: Path) -> str | None:
    """The program that a file of this name needs; None for an SVG.

    Raises:
        ConfigError: its name ends in neither .svg nor .png, no converter is installed, or its folder does not exist.
    """
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
    if path.suffix == ".svg":
        return None
    if path.suffix != ".png":
        raise ConfigError(f"{path}: the name of a picture ends in .svg or .png")
    found = next((program for name in CONVERTERS if (program := shutil.which(name))), None)
    if found is None:
        raise ConfigError(
            f"{path}: a PNG needs one of {', '.join(CONVERTERS)}, and none is installed; an .svg needs nothing"
        )
    return found


def write_image(svg: str, path: Path, program: str | None) -> None:
    """Write the file, whole or not at all.

    program: as converter gives it for the path.

    Raises:
        ConfigError: the converter fails, or the file cannot be written.
    """
    try:
        _write(svg, path, program)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error


def _write(svg: str, path: Path, program: str | None) -> None:
    """Write it beside its place, and move it there."""
    with tempfile.TemporaryDirectory(prefix=".esper-", dir=path.parent) as folder:
        drawing = Path(folder) / "picture.svg"
        drawing.write_text(svg, encoding="utf-8")
        if program is not None:
            drawing = _converted(drawing, program)
        drawing.replace(path)


def _converted(svg: Path, program: str) -> Path:
    png = svg.with_suffix(".png")
    arguments = CONVERTERS[Path(program).name](svg, png)
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode or not png.is_file():
        raise ConfigError(f"{program} made no PNG: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return png
