"""Seed banks: the seeds of one blueprint in one slot, stacked over the envs that hold them.

Seeds with a gate and seeds without one are two banks, because rows of a stack have equal parameters.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.actions import Blueprint
from esper.fleet.config import FleetConfig
from esper.fleet.optimizer import make_optimizer
from esper.growth.seeds.blend_gate import BlendGate
from esper.growth.seeds.planted_seed import SeedModule
from esper.layers.rows import append_rows, keep_rows, read_row, write_row


class SeedBank:
    """R seeds of one build in one slot, their optimiser, and the envs that they belong to. Rows are ordered by env."""

    def __init__(self, blueprint: Blueprint, module: SeedModule, env: int, serial: int, config: FleetConfig) -> None:
        """The bank starts with one row, for env.

        serial: a number that no other seed of the fleet has ever had.
        """
        self.blueprint = blueprint
        self.module = module
        self.envs = [env]
        self._serials = [serial]
        self.optimizer = make_optimizer(
            config,
            module,
            learning_rate=config.seed_learning_rate,
            weight_decay=config.seed_weight_decay,
            algorithm=module.seed.algorithm,
        )

    def add(self, env: int, serial: int, newborn: SeedModule) -> None:
        """Take in one more seed, a module of one row."""
        append_rows(self.module, newborn)
        self.optimizer.append_row()
        self.envs.append(env)
        self._serials.append(serial)
        if self.envs != sorted(self.envs):
            self._select(sorted(range(len(self.envs)), key=self.envs.__getitem__))

    def remove(self, env: int) -> None:
        """Drop the seed of an env. The last seed of a bank cannot be dropped; the caller drops the bank instead."""
        assert len(self.envs) > 1, "a bank without rows does not exist"
        self._select([row for row, holder in enumerate(self.envs) if holder != env])

    def serial(self, env: int) -> int:
        """The serial number of the seed that this env holds."""
        return self._serials[self.envs.index(env)]

    def read(self, env: int) -> Tensor:
        """A flat copy of one env's seed."""
        return read_row(self.module, self.envs.index(env))

    def restore(self, env: int, values: Tensor) -> None:
        """Put back the values that read returned, and forget the seed's optimiser state."""
        write_row(self.module, self.envs.index(env), values)
        self.optimizer.reset_row(self.envs.index(env))

    def take_row(self, env: int) -> SeedModule:
        """A copy of one env's seed as a module of one row."""
        row = copy.deepcopy(self.module)
        keep_rows(row, torch.tensor([self.envs.index(env)], device=self.module.seed.gamma.device))
        return row

    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self.module.seed.gamma.device)
        keep_rows(self.module, index)
        self.optimizer.keep_rows(index)
        self.envs = [self.envs[row] for row in rows]
        self._serials = [self._serials[row] for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSnapshot:
    """The values of one seed at one moment. The serial number shows whether a slot still holds the same seed."""

    slot: int
    serial: int
    values: Tensor


class SeedBanks:
    """All seeds of a fleet. Each slot has one bank for each build in use there: a blueprint, with or without gates."""

    def __init__(self, slots: int, config: FleetConfig) -> None:
        self._config = config
        self._banks: list[dict[tuple[Blueprint, bool], SeedBank]] = [{} for _ in range(slots)]
        self._next_serial = 0

    def in_slot(self, slot: int) -> list[SeedBank]:
        """The banks of a slot in the order of their builds, so that the order does not depend on history."""
        return [self._banks[slot][build] for build in sorted(self._banks[slot])]

    def holding(self, env: int, slot: int) -> SeedBank | None:
        """The bank that holds this env's seed in this slot."""
        for bank in self._banks[slot].values():
            if env in bank.envs:
                return bank
        return None

    def add(self, env: int, slot: int, blueprint: Blueprint, newborn: SeedModule) -> None:
        """Put a newborn seed, a module of one row, into an empty slot."""
        assert self.holding(env, slot) is None, "a slot holds one seed at a time"
        serial, self._next_serial = self._next_serial, self._next_serial + 1
        build = (blueprint, newborn.gated)
        if build in self._banks[slot]:
            self._banks[slot][build].add(env, serial, newborn)
        else:
            self._banks[slot][build] = SeedBank(blueprint, newborn, env, serial, self._config)

    def replace_gate(self, env: int, slot: int, gate: BlendGate | None) -> SeedModule:
        """Give a seed a gate of one row, or take its gate away. The seed keeps its values and loses its momentum.

        For snapshots it is a different seed from now on, because the values that they hold have a different size.

        Returns:
            The seed as it is now, a module of one row.
        """
        bank = self.holding(env, slot)
        assert bank is not None, "only a seed can have a gate"
        changed = SeedModule(bank.take_row(env).seed, gate)
        self.remove(env, slot)
        self.add(env, slot, bank.blueprint, changed)
        return changed

    def remove(self, env: int, slot: int) -> None:
        """Free a slot."""
        bank = self.holding(env, slot)
        assert bank is not None, "only an occupied slot can be freed"
        if len(bank.envs) == 1:
            del self._banks[slot][bank.blueprint, bank.module.gated]
        else:
            bank.remove(env)

    def held(self, env: int) -> tuple[tuple[int, Blueprint, bool], ...]:
        """Slot, blueprint and whether it has a gate, of every seed of one env."""
        found = [(slot, self.holding(env, slot)) for slot in range(len(self._banks))]
        return tuple((slot, bank.blueprint, bank.module.gated) for slot, bank in found if bank is not None)

    def serials(self, env: int) -> set[tuple[int, int]]:
        """The slot and the serial number of every seed of one env."""
        held = [(slot, self.holding(env, slot)) for slot in range(len(self._banks))]
        return {(slot, bank.serial(env)) for slot, bank in held if bank is not None}

    def snapshot(self, env: int) -> tuple[SeedSnapshot, ...]:
        """The seeds of one env."""
        held = [(slot, self.holding(env, slot)) for slot in range(len(self._banks))]
        return tuple(
            SeedSnapshot(slot=slot, serial=bank.serial(env), values=bank.read(env))
            for slot, bank in held
            if bank is not None
        )

    def restore(self, env: int, seeds: tuple[SeedSnapshot, ...]) -> None:
        """Put back the seeds that the env still holds. Seeds that were planted later are left as they are."""
        for seed in seeds:
            bank = self.holding(env, seed.slot)
            if bank is not None and bank.serial(env) == seed.serial:
                bank.restore(env, seed.values)
