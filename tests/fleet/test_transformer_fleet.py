"""Fleets of tiny transformers: equal to solo fleets and to ordinary modules, isolated only in TRAINING."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.fleet.config import FleetConfig
from esper.fleet.fleet import Fleet
from esper.fleet.measure import EnvMeasurement
from esper.fleet.plain.env import PlainBatch, PlainEnv
from esper.fleet.plain.modules import flat
from esper.fleet.shard import RowSnapshot
from esper.growth.hosts.config import HostConfig, TransformerConfig
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.layers.batch import Minibatch

HOST = HostConfig(kind="transformer", transformer=TransformerConfig(width=8, heads=2, layers=2, segments=2))
GROWTH = GrowthConfig(layer_scale=0.1)
CONTEXT, VOCABULARY, BATCH = 6, 11, 4
TOKENS = 3 * BATCH * CONTEXT
ENVS = range(5)
EPOCHS = 4
VALIDATION = 99
CPU = torch.device("cpu")

TRAINING = SlotControl(
    alpha=0.0, straight_through=True, isolate=True, frozen=False, committed=False, algorithm=AlphaAlgorithm.ADD
)
BLENDING = replace(TRAINING, straight_through=False, isolate=False, alpha=0.4)
HOLDING = replace(BLENDING, alpha=1.0)
FADING = replace(BLENDING, frozen=True)
FOSSILIZED = replace(HOLDING, committed=True)


def by(algorithm: AlphaAlgorithm, *life: SlotControl) -> tuple[SlotControl | None, ...]:
    return tuple(replace(control, algorithm=algorithm) for control in life)


LIVES: dict[tuple[int, int], tuple[Blueprint, tuple[SlotControl | None, ...]]] = {
    (0, 0): (Blueprint.NORM, (TRAINING, BLENDING, HOLDING, FOSSILIZED)),
    (1, 0): (Blueprint.LORA, (None, TRAINING, BLENDING, FADING)),
    (1, 1): (Blueprint.ATTENTION, (BLENDING, HOLDING, FOSSILIZED, FOSSILIZED)),
    (2, 0): (Blueprint.LORA_LARGE, (TRAINING, TRAINING, BLENDING, HOLDING)),
    (2, 1): (Blueprint.FLEX_ATTENTION, (TRAINING, BLENDING, BLENDING, HOLDING)),
    (3, 0): (Blueprint.MLP_SMALL, by(AlphaAlgorithm.MULTIPLY, TRAINING, BLENDING, HOLDING, FOSSILIZED)),
    (4, 0): (Blueprint.MLP, (TRAINING, BLENDING, FADING, FADING)),
    (4, 1): (Blueprint.ATTENTION, by(AlphaAlgorithm.GATE, TRAINING, BLENDING, HOLDING, HOLDING)),
}

Optimizer = Literal["sgd", "adamw"]


def config(optimizer: Optimizer, algorithm: Any = "grouped") -> FleetConfig:
    rate = 0.05 if optimizer == "sgd" else 0.003
    return FleetConfig(
        optimizer=optimizer,
        learning_rate=rate,
        seed_learning_rate=rate,
        seed_weight_decay=1e-3,
        conv_algorithm=algorithm,
        gradient_stride=2,
    )


def env_batches(env: int, kind: int) -> list[PlainBatch]:
    generator = torch.Generator().manual_seed(7 + env + 50 * kind)
    text = [torch.randint(VOCABULARY, (BATCH, CONTEXT + 1), generator=generator) for _ in range(3)]
    return [(ids[:, :-1], ids[:, 1:]) for ids in text]


def batches(envs: Sequence[int], kind: int) -> list[Minibatch]:
    per_env = [env_batches(env, kind) for env in envs]
    return [
        Minibatch(torch.stack([one[step][0] for one in per_env]), torch.stack([one[step][1] for one in per_env]))
        for step in range(3)
    ]


def new_fleet(envs: Sequence[int], optimizer: Optimizer = "sgd", algorithm: str = "grouped") -> Fleet:
    """A fleet with the seeds of LIVES, not yet running."""
    fleet = Fleet(
        host=HOST,
        growth=GROWTH,
        fleet=config(optimizer, algorithm),
        input_shape=(CONTEXT,),
        num_classes=VOCABULARY,
        devices=(CPU,),
        generators=[torch.Generator().manual_seed(env) for env in envs],
    )
    for row, env in enumerate(envs):
        for slot in range(2):
            if (env, slot) in LIVES:
                fleet.add_seed(row, slot, LIVES[env, slot][0], seed_generator(env, slot), gated=gated(env, slot))
    return fleet


def gated(env: int, slot: int) -> bool:
    return any(control is not None and control.algorithm is AlphaAlgorithm.GATE for control in LIVES[env, slot][1])


def seed_generator(env: int, slot: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 + 10 * env + slot)


def controls(env: int, epoch: int) -> list[SlotControl | None]:
    return [LIVES[env, slot][1][epoch] if (env, slot) in LIVES else None for slot in range(2)]


def epoch_of(fleet: Fleet, envs: Sequence[int], epoch: int) -> tuple[EnvMeasurement, ...]:
    for row, env in enumerate(envs):
        fleet.set_controls(row, controls(env, epoch))
    train = fleet.train_epoch(batches(envs, epoch))
    return fleet.collect(train, fleet.evaluate(batches(envs, VALIDATION), ablation=True))


def difference(first: RowSnapshot, second: RowSnapshot) -> float:
    mine = [first.host, *(seed.values for seed in first.seeds)]
    other = [second.host, *(seed.values for seed in second.seeds)]
    return max(float((a - b).abs().max()) for a, b in zip(mine, other, strict=True))


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_loop_fleet_equals_solo_fleets_bitwise(optimizer: Optimizer) -> None:
    together, solos = new_fleet(ENVS, optimizer, "loop"), [new_fleet([env], optimizer, "loop") for env in ENVS]
    for epoch in range(EPOCHS):
        measured = epoch_of(together, ENVS, epoch)
        for env, solo in enumerate(solos):
            assert epoch_of(solo, [env], epoch) == (measured[env],), f"env {env}, epoch {epoch}"
            assert difference(together.snapshot_row(env), solo.snapshot_row(0)) == 0.0


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_grouped_fleet_equals_solo_fleets(optimizer: Optimizer) -> None:
    together, solos = new_fleet(ENVS, optimizer), [new_fleet([env], optimizer) for env in ENVS]
    for epoch in range(EPOCHS):
        measured = epoch_of(together, ENVS, epoch)
        for env, solo in enumerate(solos):
            (alone,) = epoch_of(solo, [env], epoch)
            assert alone.counterfactual == measured[env].counterfactual
            assert alone.val_loss == pytest.approx(measured[env].val_loss, rel=1e-9)
            assert difference(together.snapshot_row(env), solo.snapshot_row(0)) < 1e-9


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("algorithm", ["grouped", "loop"])
def test_fleet_equals_ordinary_modules_in_a_loop(optimizer: Optimizer, algorithm: str) -> None:
    together = new_fleet(ENVS, optimizer, algorithm)
    twins = [
        PlainEnv(
            host=HOST,
            growth=GROWTH,
            fleet=config(optimizer),
            input_shape=(CONTEXT,),
            num_classes=VOCABULARY,
            device=CPU,
        )
        for _ in ENVS
    ]
    for env, twin in enumerate(twins):
        for slot in range(2):
            if (env, slot) in LIVES:
                twin.add_seed(slot, LIVES[env, slot][0], seed_generator(env, slot), gated=gated(env, slot))
        twin.load(together.snapshot_row(env))
    for epoch in range(EPOCHS):
        measured = epoch_of(together, ENVS, epoch)
        for env, twin in enumerate(twins):
            twin.set_controls(controls(env, epoch))
            loss = twin.train_epoch(env_batches(env, epoch))
            assert float(loss) / TOKENS == pytest.approx(measured[env].train_loss, rel=1e-9)
            row = together.snapshot_row(env)
            torch.testing.assert_close(flat(twin.host), row.host, rtol=0, atol=1e-9)
            for seed in row.seeds:
                torch.testing.assert_close(flat(twin.seeds[seed.slot]), seed.values, rtol=0, atol=1e-9)
            for one in measured[env].counterfactual.measurements:
                _, correct = twin.evaluate(env_batches(env, VALIDATION), one.slots_on)
                assert 100.0 * float(correct) / TOKENS == pytest.approx(one.accuracy)


def test_loss_and_accuracy_are_per_token() -> None:
    fleet = new_fleet([3])
    twin = PlainEnv(
        host=HOST, growth=GROWTH, fleet=config("sgd"), input_shape=(CONTEXT,), num_classes=VOCABULARY, device=CPU
    )
    fleet.remove_seed(0, 0)
    twin.load(fleet.snapshot_row(0))
    (measured,) = fleet.collect(None, fleet.evaluate(batches([3], VALIDATION), ablation=False))
    ids = torch.cat([inputs for inputs, _ in env_batches(3, VALIDATION)])
    targets = torch.cat([one for _, one in env_batches(3, VALIDATION)])
    with torch.no_grad():
        logits = twin.host.classify(twin.host.run_segment(1, twin.host.run_segment(0, ids)))
    assert measured.val_loss == pytest.approx(float(F.cross_entropy(logits.transpose(1, 2), targets)), rel=1e-5)
    share = (logits.argmax(-1) == targets).double().mean()
    assert measured.val_accuracy == pytest.approx(100.0 * float(share))


def test_shared_and_separate_copies_of_the_same_text_are_the_same() -> None:
    ends: list[RowSnapshot] = []
    for shared in (True, False):
        fleet = new_fleet([0, 1])
        inputs, targets = (part.unsqueeze(0).expand(2, -1, -1) for part in env_batches(0, 0)[0])
        fleet.train_epoch([Minibatch(inputs, targets) if shared else Minibatch(inputs.clone(), targets.clone())])
        ends.append(fleet.snapshot_row(1))
    assert difference(*ends) == 0.0


def test_the_host_learns_through_a_blending_seed_unless_it_is_isolated() -> None:
    norms: list[float | None] = []
    for isolate in (False, True):
        fleet = new_fleet([1], algorithm="loop")
        fleet.set_controls(0, [None, replace(BLENDING, isolate=isolate)])
        totals = fleet.train_epoch(batches([1], 0)[:1])
        norms.append(fleet.collect(totals, fleet.evaluate(batches([1], 0), ablation=False))[0].host_grad_norm)
    assert norms[0] != norms[1]


def test_a_seed_in_training_leaves_the_host_as_it_is_without_one() -> None:
    ends: list[torch.Tensor] = []
    for control in (None, TRAINING):
        fleet = new_fleet([1], algorithm="loop")
        fleet.set_controls(0, [None, control])
        fleet.train_epoch(batches([1], 0))
        ends.append(fleet.snapshot_row(0).host)
    assert torch.equal(ends[0], ends[1])


def test_a_restored_row_is_put_back_with_its_optimiser_state_forgotten() -> None:
    fleet = new_fleet([0, 1], "adamw")
    for row, env in enumerate((0, 1)):
        fleet.set_controls(row, controls(env, 1))
    good = fleet.snapshot_row(1)
    ends: list[RowSnapshot] = []
    for _ in range(2):
        fleet.train_epoch(batches([0, 1], 0))
        ends.append(fleet.snapshot_row(1))
        other = fleet.snapshot_row(0)
        fleet.restore_row(1, good)
        assert difference(fleet.snapshot_row(1), good) == 0.0
        assert difference(fleet.snapshot_row(0), other) == 0.0
    assert difference(*ends) == 0.0


class CountingMode(TorchDispatchMode):
    calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def test_operator_calls_do_not_grow_with_the_fleet() -> None:
    counts: list[int] = []
    for copies in (1, 4):
        envs = [1, 2] * copies + [9]
        fleet = new_fleet(envs, "adamw")
        for row, env in enumerate(envs):
            fleet.set_controls(row, controls(env, 2))
        made = batches(envs, 0)[:1]
        fleet.train_epoch(made)
        with CountingMode() as mode:
            fleet.train_epoch(made)
            fleet.evaluate(made, ablation=True)
        counts.append(mode.calls)
    assert counts[0] == counts[1]


def test_a_tiny_fleet_learns_to_repeat_itself() -> None:
    """Text that alternates between two tokens is learnt by every env, and its loss falls far below a guess."""
    fleet = new_fleet([7, 8], "adamw")
    text = torch.tensor([3, 5] * 4)[: CONTEXT + 1].expand(2, BATCH, -1)
    batch = Minibatch(text[..., :-1], text[..., 1:])
    for _ in range(12):
        fleet.train_epoch([batch] * 5)
    for measured in fleet.collect(None, fleet.evaluate([batch], ablation=False)):
        assert measured.val_accuracy == 100.0
        assert measured.val_loss < 1.0
