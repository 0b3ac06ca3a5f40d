"""The name under which Esper is published.

It is not the name of the import, because `esper` on the package index belongs to another project.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

DISTRIBUTION: Final = "esper-grow"


def package_version() -> str:
    """The version of the installed distribution."""
    return version(DISTRIBUTION)


def install_extra(name: str) -> str:
    """The command that installs an extra, for messages.

    >>> install_extra("parquet")
    "pip install 'esper-grow[parquet]'"
    """
    return f"pip install '{DISTRIBUTION}[{name}]'"
