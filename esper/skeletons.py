"""The first files of a part of one's own: a module that works, and a test that passes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from esper.contracts.blueprints import find_blueprint
from esper.errors import ConfigError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

_MODULE: Final = '''"""The blueprint {name}: what it adds to the features of a host, and its registration."""

from __future__ import annotations

from torch import nn

import esper
from esper.growth.blueprints.from_module import module_blueprint


def build(channels: int) -> nn.Module:
    """f of the seed x + gamma * f(x), for features of this many channels: [B, C, H, W] in and out."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels),
        nn.GroupNorm(1, channels),
        nn.SiLU(),
    )


def parameter_estimate(channels: int) -> int:
    """Roughly how many parameters the seed has; only the order of magnitude matters."""
    return 13 * channels


esper.register_blueprint("{name}", module_blueprint(build), parameter_estimate=parameter_estimate)
'''

_TEST: Final = '''"""The blueprint {name} does what every blueprint must do. Run it with `python -m pytest {test}`."""

from __future__ import annotations

from pathlib import Path

import {module}  # noqa: F401  # importing it registers the blueprint

import esper
from esper.conformance.blueprints import check_blueprint
from esper.contracts.blueprints import find_blueprint


def test_it_keeps_the_promises_of_a_blueprint() -> None:
    blueprint = find_blueprint("{name}")
    assert blueprint is not None
    report = check_blueprint(blueprint)
    assert report.passed, str(report)


def test_it_grows_in_a_host(tmp_path: Path) -> None:
    run = esper.train(
        "digits_impaired",
        rounds=1,
        envs=1,
        episode_length=6,
        controller="schedule",
        set=['controller.schedule.blueprints=["{name}"]', "controller.schedule.germinate_epochs=[1]"],
        plugins=["{module}"],
        out=tmp_path,
    )
    assert any(event.kind.value == "SEED_GERMINATED" for event in run.events)
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """The files that were written, and the name of the module."""

    module: str
    files: tuple[Path, ...]


def write_blueprint(name: str, folder: Path) -> Skeleton:
    """Write <name>_blueprint.py and its test into a folder.

    Raises:
        ConfigError: the name cannot be a blueprint's or is taken, or one of the files is there already.
        OSError: a file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a blueprint's name: use at most 40 small letters, digits and underscores, a letter "
            "first"
        )
    if find_blueprint(name) is not None:
        raise ConfigError(f"there is a blueprint {name} already: choose another name")
    module = f"{name}_blueprint"
    texts = {folder / f"{module}.py": _MODULE, folder / f"test_{module}.py": _TEST}
    for path in texts:
        if path.exists():
            raise ConfigError(f"{path} exists: move it away, or choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text.format(name=name, module=module, test=f"test_{module}.py"), encoding="utf-8")
    return Skeleton(module=module, files=tuple(texts))
