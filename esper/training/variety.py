"""Configuration of how hosts differ: the ranges from which the conditions of each episode are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from esper.contracts.settings import check_settings, setting
from esper.errors import ConfigError

_EMPTY: Final = "Two numbers; empty leaves all hosts alike."


@dataclass(frozen=True, slots=True, kw_only=True)
class VarietyConfig:
    """How the hosts of a run differ beside their first weights. Without ranges, they do not."""

    label_noise: tuple[float, ...] = setting(
        (),
        "The range from which each host draws the share of its training labels that are replaced by random ones. "
        + _EMPTY,
        at_least=0,
        at_most=1,
    )
    data_share: tuple[float, ...] = setting(
        (),
        "The range from which each host draws the share of the training split that it sees. " + _EMPTY,
        above=0,
        at_most=1,
    )
    size_price: tuple[float, ...] = setting(
        (),
        "The range from which each host draws, evenly in its logarithm, what growing costs it. " + _EMPTY,
        above=0,
        at_most=1_000_000,
        unit="points per 1,000 parameters",
    )
    size_price_warmup_episodes: int = setting(
        0,
        "The first episodes of a run, over which prices open from the lowest of their range to the whole of it, "
        "because exploring is ruinous where size is dear. Evaluations leave it out.",
        at_least=0,
        at_most=1_000_000_000,
        unit="episodes",
    )

    def __post_init__(self) -> None:
        check_settings(self, "variety")
        for name in ("label_noise", "data_share", "size_price"):
            given = getattr(self, name)
            if given and (len(given) != 2 or given[0] > given[1]):
                raise ConfigError(
                    f"variety.{name} is {list(given)}: give the lowest and the highest value, or an empty list"
                )

    @property
    def changes_data(self) -> bool:
        """Whether hosts see data of their own."""
        return bool(self.label_noise or self.data_share)

    @property
    def draws(self) -> bool:
        """Whether hosts differ at all, so that the policy is told the price of size and the share of the data."""
        return bool(self.size_price) or self.changes_data
