"""Train with the lowest versions that pyproject.toml allows: `make floors`.

Makes an environment in a temporary directory, installs Esper there with each dependency pinned to its lower bound, and
trains a tiny run. A bound that does not resolve, or that is too low to run, ends with the exit code of the step.

`--keep PACKAGE==VERSION` pins one package elsewhere, for example to a build of torch that is at hand. Options after
`--` are passed on to pip.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
TRIAL = """
import esper, esper_tui.app
from esper.cli.main import app
run = esper.train("digits", rounds=1, envs=2, episode_length=2)
print(f"trained: {run.summaries[-1].avg_accuracy:.1f} %")
"""


def lower_bound(requirement: Requirement) -> str:
    """The requirement at its lowest version, for example "rich==14.2".

    Raises:
        ValueError: it has no lower bound.
    """
    bounds = [one.version for one in requirement.specifier if one.operator in (">=", "==", "~=")]
    if len(bounds) != 1:
        raise ValueError(f"pyproject.toml: {requirement} needs one lower bound")
    return f"{requirement.name}=={bounds[0]}"


def floors(pyproject: Path, kept: list[str]) -> list[str]:
    """Every dependency at its lower bound, except those that are kept at another version."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    names = {Requirement(pin).name for pin in kept}
    required = [Requirement(text) for text in project["dependencies"]]
    return [*(lower_bound(one) for one in required if one.name not in names), *kept]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="append", default=[], metavar="PACKAGE==VERSION")
    parser.add_argument("pip", nargs="*", help="options for pip")
    options = parser.parse_args()
    pins = floors(ROOT / "pyproject.toml", options.keep)
    print("\n".join(pins), flush=True)
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = str(Path(place) / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", *options.pip, str(ROOT), *pins]
        for command in (install, [python, "-c", TRIAL]):
            code = subprocess.run(command, cwd=place, check=False).returncode
            if code != 0:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
