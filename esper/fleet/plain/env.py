"""The slow twin of the fleet: one env as an ordinary module with ordinary optimisers.

A row of a fleet must equal it, and E of these in a Python loop are the honest competitor that a fleet must beat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.contracts.actions import AlphaAlgorithm, Blueprint
from esper.contracts.counterfactual import SlotMask
from esper.fleet.config import FleetConfig
from esper.fleet.plain.modules import (
    PlainGate,
    PlainGatedSeed,
    load_flat,
)
from esper.fleet.plain.registry import build_plain_host, build_plain_seed
from esper.fleet.plan import is_active
from esper.fleet.shard import RowSnapshot
from esper.growth.blueprints.registry import build_seed
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import injection_specs, slot_config, topology_of
from esper.growth.lifecycle.config import GrowthConfig
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.blend_gate import BlendGate
from esper.growth.seeds.planted_seed import plant
from esper.layers.rows import read_row

PlainBatch = tuple[Tensor, Tensor]
"""The inputs [B, C, H, W] and the targets [B] of one env; for tokens, both are [B, L]."""


class PlainEnv:
    """One host, its seeds, and an optimiser for each of them."""

    def __init__(
        self,
        *,
        host: HostConfig,
        growth: GrowthConfig,
        fleet: FleetConfig,
        input_shape: tuple[int, ...],
        num_classes: int,
        device: torch.device,
    ) -> None:
        """The env is freshly initialised; load() copies a fleet's row. Convolutions run in channels_last."""
        self._config = fleet
        self._layer_scale = growth.layer_scale
        self._device = device
        self.slots = slot_config(host)
        self._topology = topology_of(host)
        slot_of = {text: slot for slot, text in enumerate(self.slots.slot_ids)}
        self._slot_after = [slot_of.get(spec.slot_id) for spec in injection_specs(host)]
        self.host = build_plain_host(host, input_shape=input_shape, num_classes=num_classes)
        _place(self.host, device)
        self._host_optimizer = self._new_optimizer(self.host, fleet.learning_rate, fleet.weight_decay)
        self.seeds: dict[int, PlainGatedSeed] = {}
        self._seed_optimizers: dict[int, torch.optim.Optimizer] = {}
        self._controls: tuple[SlotControl | None, ...] = (None,) * self.slots.num_slots

    def load(self, snapshot: RowSnapshot) -> None:
        """Take over the values of a fleet's row: its host, and the seeds that this env holds too."""
        load_flat(self.host, snapshot.host)
        for seed in snapshot.seeds:
            load_flat(self.seeds[seed.slot], seed.values)

    def add_seed(self, slot: int, blueprint: Blueprint, generator: torch.Generator, *, gated: bool = False) -> None:
        """Put a seed into an empty slot, with the values that a fleet would give it for this generator."""
        channels = self.slots.channels[slot]
        values = build_seed(
            blueprint,
            channels=channels,
            layer_scale=self._layer_scale,
            generators=[generator],
            algorithm="loop",
            topology=self._topology,
        )
        planted = plant(values, channels=channels, gated=gated, generators=[generator])
        seed = PlainGatedSeed(
            build_plain_seed(blueprint, channels, topology=self._topology), PlainGate(channels) if gated else None
        )
        load_flat(seed, read_row(planted, 0))
        self._hold(slot, seed)

    def set_gate(self, slot: int, gated: bool, generator: torch.Generator) -> None:
        """Give a seed a gate, with the values that a fleet would give it, or take its gate away.

        Momentum is forgotten.
        """
        gate: PlainGate | None = None
        if gated:
            channels = self.slots.channels[slot]
            gate = PlainGate(channels)
            load_flat(gate, read_row(BlendGate(channels, [generator], "loop"), 0))
        self._hold(slot, PlainGatedSeed(self.seeds[slot].seed, gate))

    def _hold(self, slot: int, seed: PlainGatedSeed) -> None:
        _place(seed, self._device)
        self.seeds[slot] = seed
        self._seed_optimizers[slot] = self._new_optimizer(
            seed, self._config.seed_learning_rate, self._config.seed_weight_decay
        )

    def remove_seed(self, slot: int) -> None:
        """Free an occupied slot."""
        del self.seeds[slot], self._seed_optimizers[slot]

    def set_controls(self, controls: Sequence[SlotControl | None]) -> None:
        """Say how each slot runs from now on."""
        self._controls = tuple(controls)

    def train_epoch(self, batches: Iterable[PlainBatch]) -> Tensor:
        """Train on these minibatches, and return the loss summed over predictions."""
        self.host.train()
        total = torch.zeros((), device=self._device)
        for inputs, targets in batches:
            logits = self._train_logits(_laid_out(inputs))
            loss = F.cross_entropy(logits.flatten(0, -2), targets.flatten())
            torch.autograd.backward(loss)
            self._step()
            total += loss.detach() * targets.numel()
        return total

    @torch.no_grad()
    def evaluate(self, batches: Iterable[PlainBatch], seeds_on: SlotMask) -> tuple[Tensor, Tensor]:
        """The loss summed over predictions and the number of correct ones, from one whole pass with these seeds on."""
        self.host.eval()
        loss = torch.zeros((), device=self._device)
        correct = torch.zeros((), device=self._device)
        for inputs, targets in batches:
            logits = self._evaluation_logits(_laid_out(inputs), seeds_on)
            loss += F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="sum")
            correct += (logits.argmax(-1) == targets).sum()
        return loss, correct

    def _train_logits(self, x: Tensor) -> Tensor:
        for segment, slot in enumerate(self._slot_after):
            x = self.host.run_segment(segment, x)
            control = None if slot is None else self._controls[slot]
            if slot is not None and control is not None:
                x = self._grow(x, self.seeds[slot], control)
        return self.host.classify(x)

    def _grow(self, h: Tensor, seed: PlainGatedSeed, control: SlotControl) -> Tensor:
        x = h.detach() if control.isolate else h
        s = seed(x)
        if not control.straight_through:
            return _blend(h, x, s, seed.gate, control)
        carrier = s - s.detach()
        if seed.gate is not None:
            gate = seed.gate(x)
            carrier = carrier + (gate - gate.detach()) * (s - x).detach()
        return h + carrier

    def _evaluation_logits(self, x: Tensor, seeds_on: SlotMask) -> Tensor:
        for segment, slot in enumerate(self._slot_after):
            x = self.host.run_segment(segment, x)
            control = None if slot is None else self._controls[slot]
            if slot is not None and control is not None and seeds_on[slot] and is_active(control):
                seed = self.seeds[slot]
                x = _blend(x, x, seed(x), seed.gate, control)
        return self.host.classify(x)

    def _step(self) -> None:
        self._clip_and_step(self.host, self._host_optimizer, frozen=False)
        for slot, control in enumerate(self._controls):
            if control is not None:
                self._clip_and_step(self.seeds[slot], self._seed_optimizers[slot], frozen=control.frozen)

    def _clip_and_step(self, module: nn.Module, optimizer: torch.optim.Optimizer, *, frozen: bool) -> None:
        if not frozen:
            nn.utils.clip_grad_norm_(module.parameters(), self._config.max_grad_norm)
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _new_optimizer(self, module: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
        if self._config.optimizer == "adamw":
            betas = (self._config.momentum, 0.999)
            return torch.optim.AdamW(module.parameters(), lr=learning_rate, betas=betas, weight_decay=weight_decay)
        return torch.optim.SGD(
            module.parameters(), lr=learning_rate, momentum=self._config.momentum, weight_decay=weight_decay
        )


def _blend(h: Tensor, x: Tensor, s: Tensor, gate: PlainGate | None, control: SlotControl) -> Tensor:
    """Blend a seed that read x and returned s into h. x is h, or h detached."""
    if control.algorithm is AlphaAlgorithm.MULTIPLY:
        return h + control.alpha * (x * torch.tanh(s - x))
    if control.algorithm is AlphaAlgorithm.ADD:
        return h + control.alpha * (s - x)
    assert gate is not None, "a seed blended by GATE has a gate"
    return h + (control.alpha * gate(x)).clamp(0.0, 1.0) * (s - x)


def _laid_out(inputs: Tensor) -> Tensor:
    """Images in channels_last; tokens as they are."""
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.dim() == 4 else inputs


def _place(module: nn.Module, device: torch.device) -> None:
    """Move a module to a device, convolution weights in channels_last."""
    module.to(device)
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
