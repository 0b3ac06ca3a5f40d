"""How the heuristic chooses blueprints: in turn, skipping those whose seeds it recently had to prune."""

from __future__ import annotations

from collections.abc import Sequence

from esper.contracts.actions import Blueprint
from esper.policy.baselines.config import HeuristicConfig

_FORGOTTEN = 0.1


class BlueprintRotation:
    """Blueprints take turns, one per germination. Each prune adds a penalty, which fades epoch by epoch."""

    def __init__(self, config: HeuristicConfig, blueprints: Sequence[Blueprint]) -> None:
        self._config = config
        self._blueprints = tuple(blueprints)
        self._turn = 0
        self.penalties: dict[Blueprint, float] = {}

    def pass_epoch(self) -> None:
        """Let every penalty fade; small ones are forgotten."""
        faded = {blueprint: value * self._config.penalty_decay for blueprint, value in self.penalties.items()}
        self.penalties = {blueprint: value for blueprint, value in faded.items() if value >= _FORGOTTEN}

    def punish(self, blueprint: Blueprint) -> None:
        """Note that one of its seeds was pruned."""
        self.penalties[blueprint] = self.penalties.get(blueprint, 0.0) + self._config.penalty

    def candidate(self) -> Blueprint:
        """The blueprint whose turn it is. If all are penalised, the one with the smallest penalty begins."""
        count = len(self._blueprints)
        in_turn = [self._blueprints[(self._turn + offset) % count] for offset in range(count)]
        for blueprint in in_turn:
            if self.penalties.get(blueprint, 0.0) < self._config.penalty_limit:
                return blueprint
        by_penalty = sorted(self._blueprints, key=lambda item: (self.penalties[item], item.name))
        return by_penalty[self._turn % count]

    def take(self, blueprint: Blueprint) -> None:
        """Note that it was germinated, so that the turn passes to the next one."""
        self._turn = (self._blueprints.index(blueprint) + 1) % len(self._blueprints)
