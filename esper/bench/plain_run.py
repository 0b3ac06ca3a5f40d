"""A plain PyTorch loop that does what the host of a recorded run did: the same data, steps, seeds and validations.

It is the other side of `esper bench baseline`, as a process: `python -m esper.bench.plain_run RUN_DIRECTORY THREADS`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from esper.bench.recorded_growth import GrownEpoch, GrownSeed, recorded_growth
from esper.contracts.actions import AlphaAlgorithm
from esper.contracts.counterfactual import SlotMask
from esper.contracts.randomness import derive_seed
from esper.fleet.devices import resolve_device
from esper.fleet.plain.env import PlainBatch, PlainEnv
from esper.growth.hosts.kinds import slot_config, topology_of
from esper.history.reader import read_events
from esper.history.run_directory import RunDirectory
from esper.layers.batch import Minibatch
from esper.tasks.batches import BatchSource
from esper.tasks.registry import load_task
from esper.training.config import TrainingConfig


class PlainRun:
    """One host, trained by an ordinary loop. It decides nothing: what grows when is given."""

    def __init__(self, config: TrainingConfig) -> None:
        device = resolve_device(config.run.device)
        data = load_task(config.task, config.run.seed).to(device)
        fleet = config.fleet
        self._source = BatchSource(
            data,
            envs=1,
            batch_size=fleet.batch_size,
            evaluation_batch_size=fleet.evaluation_batch_size,
            steps=fleet.steps_per_epoch,
            augment=config.task.augment,
        )
        self.env = PlainEnv(
            host=config.host,
            growth=config.growth,
            fleet=fleet,
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            device=device,
        )
        self._generator = torch.Generator().manual_seed(derive_seed(config.run.seed, "plain run"))
        self._held: dict[int, GrownSeed] = {}

    def epoch(self, epoch: GrownEpoch) -> list[float]:
        """Train and validate one epoch, and return the accuracies of the epoch's masks, in percent."""
        self._grow(epoch.seeds)
        self.env.train_epoch(_of_one_env(self._source.train([self._generator])))
        validation = self._source.validation()
        return [self._accuracy(validation, mask) for mask in epoch.masks]

    def test(self, mask: SlotMask) -> float:
        """The accuracy on the test split, in percent."""
        return self._accuracy(self._source.test(), mask)

    def _accuracy(self, batches: Iterable[Minibatch], mask: SlotMask) -> float:
        samples = list(_of_one_env(batches))
        _, correct = self.env.evaluate(samples, mask)
        return 100.0 * float(correct) / sum(targets.numel() for _, targets in samples)

    def _grow(self, seeds: tuple[GrownSeed, ...]) -> None:
        wanted = {seed.slot: seed for seed in seeds}
        for slot, held in list(self._held.items()):
            if slot not in wanted or wanted[slot].seed_id != held.seed_id:
                self.env.remove_seed(slot)
                del self._held[slot]
        for slot, seed in wanted.items():
            gated = _is_gated(seed)
            if slot not in self._held:
                self.env.add_seed(slot, seed.blueprint, self._generator, gated=gated)
            elif gated != _is_gated(self._held[slot]):
                self.env.set_gate(slot, gated, self._generator)
            self._held[slot] = seed
        slots = range(self.env.slots.num_slots)
        self.env.set_controls([wanted[slot].control if slot in wanted else None for slot in slots])


def replay(run: Path) -> list[list[float]]:
    """Repeat a recorded run of one env, and return the accuracies of every epoch."""
    config = RunDirectory.open(run).load_config()
    epochs = recorded_growth(read_events(run), slot_config(config.host), topology_of(config.host))
    plain = PlainRun(config)
    accuracies = [plain.epoch(epoch) for epoch in epochs]
    plain.test(epochs[-1].masks[0])
    return accuracies


def _of_one_env(batches: Iterable[Minibatch]) -> Iterator[PlainBatch]:
    for batch in batches:
        yield batch.inputs[0], batch.targets[0]


def _is_gated(seed: GrownSeed) -> bool:
    return seed.algorithm is AlphaAlgorithm.GATE


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    for line in replay(Path(sys.argv[1])):
        print(line)
