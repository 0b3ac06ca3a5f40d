"""The reducer's book of modules: per kind how often it was tried, kept and cut, and what its seeds were worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from esper.contracts.seeds import PruneInitiator
from esper.telemetry.events import CounterfactualMatrixComputed, SeedFossilized, SeedGerminated, SeedPruned
from esper_tui.state.attribution import Moments, Spread, matrix_figures


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleTally:
    """One kind of module over the run. Only seeds that are over count in the spreads, each with its last measurement.

    tried: seeds planted.
    cut: by anyone; cut_by_policy of these by the policy.
    """

    blueprint: str
    tried: int
    kept: int
    cut: int
    cut_by_policy: int
    solo: Spread | None
    drop_one: Spread | None
    shapley: Spread | None
    epochs: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTally:
    """One kind of module in one slot over the run."""

    slot_id: str
    blueprint: str
    tried: int
    kept: int
    cut: int
    drop_one: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTally:
    """Two kinds of modules side by side in one host: their interaction, percentage points."""

    first: str
    second: str
    interaction: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFigures:
    """What the attribution screen shows."""

    modules: tuple[ModuleTally, ...] = ()
    slots: tuple[SlotTally, ...] = ()
    pairs: tuple[PairTally, ...] = ()


NO_MOMENTS: Final = Moments()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tally:
    tried: int = 0
    kept: int = 0
    cut: int = 0
    cut_by_policy: int = 0
    solo: Moments = NO_MOMENTS
    drop_one: Moments = NO_MOMENTS
    shapley: Moments = NO_MOMENTS
    epochs: Moments = NO_MOMENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class _LiveSeed:
    blueprint: str
    solo: float | None = None
    drop_one: float | None = None
    shapley: float | None = None


Place = tuple[int, str]

ANY_SLOT: Final = ""


@dataclass(slots=True, kw_only=True)
class ModuleBook:
    """tallies: by slot and kind of module; the slot is ANY_SLOT in those over all slots.
    live: the seeds that are in a slot now, by env and slot.
    """

    tallies: dict[tuple[str, str], _Tally] = field(default_factory=dict[tuple[str, str], _Tally])
    pairs: dict[tuple[str, str], Moments] = field(default_factory=dict[tuple[str, str], Moments])
    live: dict[Place, _LiveSeed] = field(default_factory=dict[Place, _LiveSeed])
    live_pairs: dict[tuple[int, str, str], float] = field(default_factory=dict[tuple[int, str, str], float])
    shown: ModuleFigures | None = None

    def copy(self) -> ModuleBook:
        """An independent copy; the records in it are immutable."""
        return replace(
            self,
            tallies=dict(self.tallies),
            pairs=dict(self.pairs),
            live=dict(self.live),
            live_pairs=dict(self.live_pairs),
        )

    def germinate(self, payload: SeedGerminated) -> None:
        self.live[payload.env_id, payload.slot_id] = _LiveSeed(blueprint=payload.blueprint)
        for key, tally in self._tallies_of(payload.slot_id, payload.blueprint):
            self.tallies[key] = replace(tally, tried=tally.tried + 1)

    def fossilize(self, payload: SeedFossilized) -> None:
        for key, tally in self._tallies_of(payload.slot_id, payload.blueprint):
            self.tallies[key] = replace(tally, kept=tally.kept + 1, epochs=tally.epochs.plus(payload.epochs_total))

    def prune(self, payload: SeedPruned) -> None:
        by_policy = int(payload.initiator is PruneInitiator.POLICY)
        for key, tally in self._tallies_of(payload.slot_id, payload.blueprint):
            self.tallies[key] = replace(
                tally,
                cut=tally.cut + 1,
                cut_by_policy=tally.cut_by_policy + by_policy,
                epochs=tally.epochs.plus(payload.epochs_total),
            )
        self._settle(payload.env_id, payload.slot_id)

    def measure(self, payload: CounterfactualMatrixComputed) -> None:
        """Remember what each live seed of an env was worth when it was last measured."""
        if not any(payload.active):
            return
        figures = matrix_figures(payload)
        for slot in figures.slots:
            seed = self.live.get((payload.env_id, slot.slot_id))
            if seed is not None and slot.active:
                self.live[payload.env_id, slot.slot_id] = replace(
                    seed, solo=slot.solo, drop_one=slot.drop_one, shapley=slot.shapley
                )
        for pair in figures.pairs:
            self.live_pairs[payload.env_id, pair.first, pair.second] = pair.interaction

    def end_episode(self, env_id: int) -> None:
        """The env's seeds are gone, so their last measurements count."""
        for _, slot_id in [place for place in self.live if place[0] == env_id]:
            self._settle(env_id, slot_id)

    def _settle(self, env_id: int, slot_id: str) -> None:
        for key in [key for key in self.live_pairs if key[0] == env_id and slot_id in key[1:]]:
            seeds = self.live.get((env_id, key[1])), self.live.get((env_id, key[2]))
            value = self.live_pairs.pop(key)
            if seeds[0] is not None and seeds[1] is not None:
                first, second = sorted((seeds[0].blueprint, seeds[1].blueprint))
                self.pairs[first, second] = self.pairs.get((first, second), Moments()).plus(value)
        seed = self.live.pop((env_id, slot_id), None)
        if seed is None:
            return
        for key, tally in self._tallies_of(slot_id, seed.blueprint):
            self.tallies[key] = replace(
                tally,
                solo=tally.solo.plus(seed.solo),
                drop_one=tally.drop_one.plus(seed.drop_one),
                shapley=tally.shapley.plus(seed.shapley),
            )

    def _tallies_of(self, slot_id: str, blueprint: str) -> list[tuple[tuple[str, str], _Tally]]:
        """The tallies in which a seed counts; the caller changes them."""
        self.shown = None
        keys = ((ANY_SLOT, blueprint), (slot_id, blueprint))
        return [(key, self.tallies.get(key, _Tally())) for key in keys]

    def figures(self) -> ModuleFigures:
        """The same record until something changed."""
        if self.shown is None:
            ordered = sorted(self.tallies.items(), key=lambda item: (-item[1].tried, item[0]))
            self.shown = ModuleFigures(
                modules=tuple(_module(key[1], tally) for key, tally in ordered if key[0] == ANY_SLOT),
                slots=tuple(_slot(*key, tally) for key, tally in ordered if key[0] != ANY_SLOT),
                pairs=tuple(
                    PairTally(first=first, second=second, interaction=spread)
                    for (first, second), moments in sorted(self.pairs.items())
                    if (spread := moments.spread()) is not None
                ),
            )
        return self.shown


def _module(blueprint: str, tally: _Tally) -> ModuleTally:
    return ModuleTally(
        blueprint=blueprint,
        tried=tally.tried,
        kept=tally.kept,
        cut=tally.cut,
        cut_by_policy=tally.cut_by_policy,
        solo=tally.solo.spread(),
        drop_one=tally.drop_one.spread(),
        shapley=tally.shapley.spread(),
        epochs=tally.epochs.spread(),
    )


def _slot(slot_id: str, blueprint: str, tally: _Tally) -> SlotTally:
    return SlotTally(
        slot_id=slot_id,
        blueprint=blueprint,
        tried=tally.tried,
        kept=tally.kept,
        cut=tally.cut,
        drop_one=tally.drop_one.spread(),
    )
