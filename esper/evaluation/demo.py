"""The recorded episodes that `esper demo` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEMO_RUN: Final = Path(__file__).parents[1] / "shipped" / "demo"
"""A run directory: the shipped controller of digits_impaired on two hosts, from a seed that served nothing else."""
