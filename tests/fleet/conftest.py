"""Small fleets, their data, and lives of seeds written out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
import torch

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.plain.env import PlainBatch, PlainEnv
from esper.growth.hosts.config import HostConfig
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.batch import Minibatch

HOST = HostConfig(base_channels=4, blocks=2)
GROWTH = GrowthConfig(layer_scale=0.1)
FLEET = FleetConfig(gradient_stride=2, learning_rate=0.05, seed_learning_rate=0.05, seed_weight_decay=1e-3)
INPUT_SHAPE = (1, 8, 8)
CLASSES = 10
CPU = torch.device("cpu")

TRAINING = SlotControl(
    alpha=0.0,
    straight_through=True,
    isolate=True,
    frozen=False,
    committed=False,
    algorithm=AlphaAlgorithm.ADD,
)
BLENDING = replace(TRAINING, straight_through=False, alpha=0.4)
HOLDING = replace(BLENDING, alpha=1.0)
FOSSILIZED = replace(HOLDING, isolate=False, committed=True)
FADING = replace(BLENDING, alpha=0.3, frozen=True)

STAGES: dict[str, SlotControl | None] = {
    "g": None,
    "t": TRAINING,
    "b": BLENDING,
    "h": HOLDING,
    "f": FOSSILIZED,
    "d": FADING,
}

# One letter per epoch; "." is an empty slot, upper case marks where a new seed is put in.
LIVES: dict[tuple[int, int], tuple[tuple[Blueprint, ...], str]] = {
    (1, 0): ((Blueprint.CONV_LIGHT,), "Gtbhff"),
    (2, 1): ((Blueprint.DEPTHWISE, Blueprint.NORM), "Ttbd.T"),
    (0, 1): ((Blueprint.BOTTLENECK, Blueprint.CONV_HEAVY), "Tb.Ttb"),
    (3, 0): ((Blueprint.CONV_LIGHT,), ".Gtbhf"),
    (3, 1): ((Blueprint.ATTENTION,), "Ttbhff"),
    (4, 0): ((Blueprint.NORM,), "Tbhfff"),
    (5, 0): ((Blueprint.ATTENTION, Blueprint.CONV_LIGHT), "Tbd.Tb"),
    (6, 0): ((Blueprint.CONV_LIGHT,), "..Ttb."),
    (6, 1): ((Blueprint.CONV_SMALL,), "Tbhfff"),
    (7, 0): ((Blueprint.DEPTHWISE,), "Ttt..."),
    (7, 1): ((Blueprint.DEPTHWISE,), ".Tbhff"),
}
EPOCHS = 6

# The blend in each epoch: a ADD, m MULTIPLY, g GATE; ADD where nothing is said. Several change during the seed's life.
BLENDS: dict[tuple[int, int], str] = {
    (1, 0): "mmmmmm",
    (2, 1): "gggg.m",
    (3, 1): "gggggg",
    (4, 0): "ggammm",
    (5, 0): "aaa.mm",
    (6, 0): "..ggm.",
    (7, 1): ".aaggg",
}
ALGORITHMS = {"a": AlphaAlgorithm.ADD, "m": AlphaAlgorithm.MULTIPLY, "g": AlphaAlgorithm.GATE}


@dataclass(frozen=True)
class Life:
    """What happens to one slot of one env in one epoch.

    gated: whether the seed has a gate.
    switched: since this epoch.
    """

    added: Blueprint | None
    removed: bool
    gated: bool
    switched: bool
    control: SlotControl | None


def life(env: int, slot: int, epoch: int) -> Life:
    """The part of LIVES for one slot and epoch."""
    blueprints, letters = LIVES.get((env, slot), ((), "." * EPOCHS))
    letter, before = letters[epoch], letters[epoch - 1] if epoch else "."
    added = blueprints[sum(one.isupper() for one in letters[:epoch])] if letter.isupper() else None
    blends = BLENDS.get((env, slot), "a" * EPOCHS)
    gated, was_gated = blends[epoch] == "g", epoch > 0 and blends[epoch - 1] == "g"
    control = STAGES.get(letter.lower())
    return Life(
        added=added,
        removed=letter == "." and before != ".",
        gated=gated,
        switched=gated != was_gated and added is None and "." not in (letter, before),
        control=None if control is None else replace(control, algorithm=ALGORITHMS[blends[epoch]]),
    )


def seed_generator(env: int, slot: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 + env * 100 + slot * 10 + epoch)


class Scenario:
    """A fleet of some of the envs of LIVES, and its data."""

    def __init__(self, envs: Sequence[int], algorithm: str, *, shared: bool = True, shards: int = 1) -> None:
        self.envs = list(envs)
        self._shared = shared
        self.fleet = Fleet(
            host=HOST,
            growth=GROWTH,
            fleet=replace(FLEET, conv_algorithm=algorithm),
            input_shape=INPUT_SHAPE,
            num_classes=CLASSES,
            devices=(CPU,) * shards,
            generators=[torch.Generator().manual_seed(env) for env in envs],
        )

    def batches(self, kind: int, count: int = 3, size: int = 12) -> list[Minibatch]:
        """Minibatches for this fleet's envs; the same numbers give an env the same data in every fleet."""
        rows = [env_batches(0 if self._shared else env, kind, count, size) for env in self.envs]
        made: list[Minibatch] = []
        for index in range(count):
            if self._shared:
                inputs, targets = rows[0][index]
                every = len(self.envs)
                made.append(Minibatch(inputs[None].expand(every, *inputs.shape), targets[None].expand(every, -1)))
            else:
                inputs = torch.stack([row[index][0] for row in rows])
                made.append(Minibatch(inputs, torch.stack([row[index][1] for row in rows])))
        return made

    def live(self, epoch: int) -> None:
        """Let one epoch of LIVES happen to every env."""
        for row, env in enumerate(self.envs):
            controls: list[SlotControl | None] = []
            for slot in range(self.fleet.slot_config.num_slots):
                now = life(env, slot, epoch)
                if now.removed:
                    self.fleet.remove_seed(row, slot)
                if now.added is not None:
                    self.fleet.add_seed(row, slot, now.added, seed_generator(env, slot, epoch), gated=now.gated)
                if now.switched:
                    self.fleet.set_gate(row, slot, now.gated, seed_generator(env, slot, epoch))
                controls.append(now.control)
            self.fleet.set_controls(row, controls)


class PlainScenario:
    """One env of LIVES as the slow twin."""

    def __init__(self, env: int) -> None:
        self._env = env
        self.plain = PlainEnv(
            host=HOST, growth=GROWTH, fleet=FLEET, input_shape=INPUT_SHAPE, num_classes=CLASSES, device=CPU
        )

    def live(self, epoch: int) -> None:
        controls: list[SlotControl | None] = []
        for slot in range(self.plain.slots.num_slots):
            now = life(self._env, slot, epoch)
            if now.removed:
                self.plain.remove_seed(slot)
            if now.added is not None:
                self.plain.add_seed(slot, now.added, seed_generator(self._env, slot, epoch), gated=now.gated)
            if now.switched:
                self.plain.set_gate(slot, now.gated, seed_generator(self._env, slot, epoch))
            controls.append(now.control)
        self.plain.set_controls(controls)


def env_batches(env: int, kind: int, count: int = 3, size: int = 12) -> list[PlainBatch]:
    generator = torch.Generator().manual_seed(7 + env + 50 * kind)
    return [
        (
            torch.randn(size, *INPUT_SHAPE, generator=generator),
            torch.randint(CLASSES, (size,), generator=generator),
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="session")
def scenario() -> Callable[..., Scenario]:
    return Scenario


@pytest.fixture(scope="session")
def plain_scenario() -> Callable[[int], PlainScenario]:
    return PlainScenario


@pytest.fixture(scope="session")
def plain_batches() -> Callable[..., list[PlainBatch]]:
    return env_batches


@pytest.fixture(scope="session")
def controls() -> dict[str, SlotControl | None]:
    """SlotControl by stage letter: g germinated, t training, b blending, h holding, f fossilised, d fading out."""
    return STAGES
