"""Seeds by name: every stream of random numbers in a run is derived from the run's seed and the stream's name."""

from __future__ import annotations

import hashlib


def derive_seed(run_seed: int, *names: str | int) -> int:
    """A 63-bit seed for the stream with these names.

    Streams with different names are independent. The same names always give the same seed, whatever else was drawn.

    >>> derive_seed(42, "init", 0) == derive_seed(42, "init", 0)
    True
    >>> derive_seed(42, "init", 0) == derive_seed(42, "init", 1)
    False
    """
    text = "/".join(str(part) for part in (run_seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
