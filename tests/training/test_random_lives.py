"""Random lives of seeds on real tiny hosts: what masks allow executes, what they forbid is refused with a reason."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esper.contracts.actions import PLACEHOLDERS, Head, Op, head_sizes
from esper.contracts.seeds import SeedInfo
from esper.contracts.stages import is_legal_transition
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.events import StageChanged
from esper.layers.batch import Minibatch
from esper.policy.masks import ActionMasks, build_masks
from esper.training.episode.action_decoding import decode_action
from esper.training.episode.seed_measurement import seed_measurement
from esper.training.garden import Garden
from esper.training.vectorized_types import ActionSpec

EPOCHS = 60
ENVS = 2
HOST = HostConfig(base_channels=2, blocks=3, pool_layers=1)
FLEET = FleetConfig(envs=ENVS, gradient_stride=1)

CONFIGS = st.builds(
    GrowthConfig,
    auto_forward_g1=st.booleans(),
    auto_forward_g2=st.booleans(),
    auto_forward_g3=st.booleans(),
    min_training_epochs=st.integers(1, 3),
    min_prune_age=st.integers(0, 3),
    embargo_epochs=st.integers(0, 3),
    holding_timeout=st.sampled_from([0, 4]),
    max_seeds=st.sampled_from([0, 2]),
    single_incubation=st.booleans(),
    permissive_gates=st.booleans(),
)


class World:
    """Two tiny hosts with three slots each, trained on one minibatch."""

    def __init__(self, config: GrowthConfig) -> None:
        self.fleet = Fleet(
            host=HOST,
            growth=config,
            fleet=FLEET,
            input_shape=(1, 4, 4),
            num_classes=3,
            devices=(torch.device("cpu"),),
            generators=[torch.Generator().manual_seed(env) for env in range(ENVS)],
        )
        self.garden = Garden(self.fleet, config, topology_of(HOST), run_seed=1, first_episode=0, group_size=ENVS)
        generator = torch.Generator().manual_seed(9)
        inputs = torch.randn(1, 6, 1, 4, 4, generator=generator).expand(ENVS, -1, -1, -1, -1)
        self.batch = Minibatch(inputs=inputs, targets=(torch.arange(6) % 3).expand(ENVS, -1))

    def live_an_epoch(self) -> None:
        """Train, validate with ablation, and record what that measured."""
        train = self.fleet.train_epoch([self.batch])
        measured = self.fleet.collect(train, self.fleet.evaluate([self.batch], ablation=True))
        for env in range(ENVS):
            for slot, info in enumerate(self.garden.infos(env)):
                if info is not None:
                    self.garden.record(env, slot, seed_measurement(measured[env], slot))

    def masks(self) -> ActionMasks:
        return build_masks([self.garden.view(env) for env in range(ENVS)], topology_of(HOST))

    def spec(self, env: int, actions: Sequence[int]) -> ActionSpec:
        return decode_action(actions, self.garden.view(env), self.fleet.slot_config)


def draw(masks: ActionMasks, env: int, randomness: random.Random) -> list[int]:
    """A random legal action, with the other heads drawn from their masks."""
    legal = [[i for i, ok in enumerate(row) if ok] for row in masks.heads_ehn[env].tolist()]
    actions = [randomness.choice(choices) for choices in legal]
    slots = masks.slot_by_op_eon[env, actions[Head.OP]].tolist()
    actions[Head.SLOT] = randomness.choice([i for i, ok in enumerate(slots) if ok])
    return actions


def forbidden(masks: ActionMasks, env: int) -> list[tuple[Op, int]]:
    """Every op and slot that the masks rule out."""
    slots = range(head_sizes(3)[Head.SLOT])
    allowed = masks.slot_by_op_eon[env].tolist()
    possible = masks.heads_ehn[env, Head.OP].tolist()
    return [(op, slot) for op in Op for slot in slots if op is not Op.WAIT and not (possible[op] and allowed[op][slot])]


def ages(infos: Sequence[SeedInfo | None]) -> dict[str, int]:
    return {info.seed_id: info.epochs_total for info in infos if info is not None}


@settings(max_examples=8, deadline=None)
@given(config=CONFIGS, randomness=st.randoms(use_true_random=False))
def test_masks_and_execution_agree_for_sixty_epochs(config: GrowthConfig, randomness: random.Random) -> None:
    world = World(config)
    for _ in range(EPOCHS):
        world.live_an_epoch()
        masks = world.masks()
        for env in range(ENVS):
            for op, slot in forbidden(masks, env):
                actions = [slot, *(PLACEHOLDERS[head] for head in list(Head)[1:-1]), op]
                before = world.garden.infos(env)
                refusal = world.garden.execute(env, world.spec(env, actions), val_accuracy=50.0)
                assert refusal.refused
                assert world.garden.infos(env) == before

            spec = world.spec(env, draw(masks, env, randomness))
            assert spec.action_valid_for_reward
            execution = world.garden.execute(env, spec, val_accuracy=50.0)
            # Only a gate may still say no, and it says which and why.
            assert execution.refused is None or " not passed: " in execution.refused
            before = ages(world.garden.infos(env))
            ticked = world.garden.tick(env)
            after = ages(world.garden.infos(env))
            assert all(after[seed] == before[seed] + 1 for seed in after)
            for happened in execution.events + ticked:
                if isinstance(happened.event, StageChanged):
                    assert is_legal_transition(happened.event.from_stage, happened.event.to_stage)
