"""Means, spreads, estimates and differences, as pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esper.evaluation.intervals import student_interval
from esper.evaluation.records import Difference, Estimate, Spread


def spread(values: Sequence[float]) -> Spread:
    """The mean and the sample standard deviation, with n - 1 in the denominator."""
    return Spread(mean=float(np.mean(values)), std=float(np.std(values, ddof=1)) if len(values) > 1 else None)


def estimate(by_seed: Sequence[Sequence[float]]) -> Estimate:
    """The estimate of one measure over several seeds of several episodes each.

    The interval is Student's, over the means of the seeds.

    by_seed: the values of the episodes, seed by seed.
    """
    episodes = [value for values in by_seed for value in values]
    interval = student_interval([float(np.mean(values)) for values in by_seed])
    whole = spread(episodes)
    return Estimate(
        mean=whole.mean,
        std=whole.std,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        iqm=interquartile_mean(episodes),
    )


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the middle half, which a few lucky or lost episodes cannot move.

    If the number of values is not a multiple of four, the two at the edges count in part. The source is Agarwal et al.,
    "Deep reinforcement learning at the edge of the statistical precipice", 2021.

    >>> interquartile_mean([0.0, 1.0, 2.0, 99.0])
    1.5
    """
    ordered, count = np.sort(np.asarray(values, dtype=np.float64)), len(values)
    places = np.arange(count)
    # A value's weight is the part of its share of the whole, [i/n, (i+1)/n], that lies within [1/4, 3/4].
    inside = np.clip(np.minimum(places + 1, 0.75 * count) - np.maximum(places, 0.25 * count), 0.0, None)
    return float(inside @ ordered / inside.sum())


def paired_difference(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Difference:
    """The mean of ours minus theirs, episode by episode, with Student's interval over the seeds' mean differences.

    ours, theirs: the values of the episodes, seed by seed, in the same order.
    """
    by_seed = [
        [one - other for one, other in zip(mine, others, strict=True)]
        for mine, others in zip(ours, theirs, strict=True)
    ]
    found = estimate(by_seed)
    return Difference(
        mean=found.mean,
        low=found.low,
        high=found.high,
        pairs=sum(len(differences) for differences in by_seed),
        seeds=len(by_seed),
    )
