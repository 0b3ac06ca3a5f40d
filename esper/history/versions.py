"""The versions of the run files' format, in words: what changed with each, and how older files are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatVersion:
    """One version of the format.

    since: when it was first written.
    changes: what is different from the version before.
    reading: what today's readers do with a file of it, beside reading it.
    """

    number: int
    since: str
    changes: tuple[str, ...]
    reading: tuple[str, ...]


VERSIONS: Final = (
    FormatVersion(
        number=1,
        since="the first release",
        changes=(),
        reading=(
            "Lines have no checksums, and `seq` may leave gaps.",
            "Settings that came later have the values that describe what version 1 did.",
            "What version 1 did not record, such as the reasons of a mask, is `null`.",
            "`esper train --resume` gives the logs the form of the newest version before the run goes on.",
        ),
    ),
    FormatVersion(
        number=2,
        since="November 2026",
        changes=(
            "Every line carries its checksum, as do the manifests of checkpoints and `config.toml`.",
            "`seq` has no gaps.",
            "`latest` names the digest of the manifest to which it points.",
            "In `mask_hit_rates`, the count `masked` is called `masked_decisions`; `masked` is a flag everywhere.",
            "`last_action` says why an op was not legal (`op_masks`), and what the second choice of a head was.",
            "`TRAINING_ENDED` names the signal that ended the run.",
            "Numbers, texts and lists have ranges; a value outside of its range is damage.",
            "Figures that the original system did not measure may be `null`.",
        ),
        reading=(),
    ),
)
