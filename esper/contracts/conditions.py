"""The conditions of one episode: what a host is given to learn from, and what growing costs it."""

from __future__ import annotations

from dataclasses import dataclass

PARAMETERS_PER_PRICE = 1_000
"""The number of parameters that a size price is the price of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What an episode was drawn to be like (the table `variety` of the configuration).

    label_noise: the share of the training labels that were replaced by random ones. Nobody is told.
    data_share: the share of the training split that the host sees.
    size_price: the points of accuracy that 1,000 added parameters must bring to be worth it; None if size is free.
    """

    label_noise: float = 0.0
    data_share: float = 1.0
    size_price: float | None = None

    def cost(self, parameters_added: float) -> float:
        """The price of a network that is so much larger than its host, in points; 0 if size is free.

        >>> Conditions(size_price=20.0).cost(1_500)
        30.0
        """
        return 0.0 if self.size_price is None else self.size_price * parameters_added / PARAMETERS_PER_PRICE
