"""Garbage collection, held back while many records are made."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collection_off() -> Generator[None]:
    """No search for cycles until the block ends.

    Records hold no cycles, so there is nothing to find, and searching through ever more of them takes up to half of the
    time of reading a long log.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
