"""Keeps the garbage collector from stopping a run again and again.

A full collection looks at every object of the process, some 400,000 after the imports, and holds the interpreter for a
quarter of a second meanwhile: neither training nor the screen goes on. Python would make one every few seconds of a
run, because the cockpit keeps what it shows.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

COLLECTIONS_PER_FULL_ONE: Final = 500
"""How many collections of younger objects come before a full one; Python's own figure is 10."""


@contextmanager
def rare_full_collections() -> Generator[None]:
    """While the block runs, full collections are rare, and leave out the objects that there are now."""
    young, middle, full = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, COLLECTIONS_PER_FULL_ONE)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, full)
        gc.unfreeze()
