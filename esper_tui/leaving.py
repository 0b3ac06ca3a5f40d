"""How the user left the screen."""

from __future__ import annotations

from enum import StrEnum


class Leaving(StrEnum):
    OVER = "over"
    DETACHED = "detached"
