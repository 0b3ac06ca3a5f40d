"""The ranges of what a recording may hold. Whoever reads one may rely on them: the codec refuses any other value.

A field says its range with its type, for example `epoch: Epoch`. Ranges are as wide as the settings allow a run to be,
so that no run can write what it may not read. A plain float is a measurement that may have diverged: it may be any
number, NaN and the infinities too. Texts and lists of every record have the lengths that are named at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The smallest and the largest value of a number.

    nan: whether NaN is allowed too, as the result of a measurement.
    """

    low: float
    high: float
    nan: bool = False

    def allow(self, value: float) -> bool:
        if value != value:
            return self.nan
        return self.low <= value <= self.high

    @property
    def words(self) -> str:
        """The range, in words that follow "a number".

        >>> Bounds(low=0, high=1_000_000).words, Bounds(low=-0.001, high=1.001, nan=True).words
        ('from 0 to 1,000,000', 'from -0.001 to 1.001, or NaN')
        """
        return f"from {_plain(self.low)} to {_plain(self.high)}{', or NaN' if self.nan else ''}"


MOST_ENVS: Final = 2 * 65_536
"""The most envs of a run, all policy groups together."""

MOST_EPOCHS: Final = 1_000_000
"""The most host epochs of an episode."""

MOST_BATCHES: Final = 1_000_000_000
"""The most rounds of a run."""

MOST: Final = 2**53
"""The largest count: up to here every reader of JSON gives the integer that was written."""

EnvId = Annotated[int, Bounds(low=0, high=MOST_ENVS - 1)]
EnvCount = Annotated[int, Bounds(low=1, high=MOST_ENVS)]
Epoch = Annotated[int, Bounds(low=1, high=MOST_EPOCHS)]
"""A host epoch, counted from 1."""

EpochCount = Annotated[int, Bounds(low=0, high=MOST_EPOCHS)]
"""A number of host epochs."""

EpisodeLength = Annotated[int, Bounds(low=1, high=MOST_EPOCHS)]
Batch = Annotated[int, Bounds(low=1, high=MOST_BATCHES)]
"""A round, counted from 1."""

BatchCount = Annotated[int, Bounds(low=0, high=MOST_BATCHES)]
"""A number of rounds."""

Count = Annotated[int, Bounds(low=0, high=MOST)]
"""How many of something that nothing else limits: parameters, steps, episodes, seeds."""

HostSize = Annotated[int, Bounds(low=1, high=MOST)]
"""The number of a host's parameters, by which others are divided."""

RandomSeed = Annotated[int, Bounds(low=0, high=2**63 - 1)]
Seq = Annotated[int, Bounds(low=1, high=MOST)]
UnixTime = Annotated[float, Bounds(low=0.0, high=253_402_300_799.0)]
"""Seconds since the Unix epoch, up to the end of the year 9999, the last that calendars know."""

Duration = Annotated[float, Bounds(low=0.0, high=1e15)]
"""A time that something took, in the unit that its name says."""

Rate = Annotated[float, Bounds(low=0.0, high=1e15)]
"""How many of something there were in a second."""

Coefficient = Annotated[float, Bounds(low=0.0, high=1e6)]
"""A setting of the learner, or what a schedule made of it."""

Percent = Annotated[float, Bounds(low=-0.01, high=100.01)]
"""An accuracy. It is counted and therefore never NaN; means of float32 may lie a little outside."""

Share = Annotated[float, Bounds(low=-0.001, high=1.001, nan=True)]
"""A share or a probability. Sums of float32 may lie a little outside."""

LONGEST_TEXT: Final = 65_536
"""The most characters of a text."""

LONGEST_LIST: Final = MOST_ENVS
"""The most elements of a list: one for each env is the most that there is."""


def _plain(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"
