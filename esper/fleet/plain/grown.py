"""A grown network as one ordinary torch module: the host's segments, each followed by the seed that grew there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from esper.contracts.actions import AlphaAlgorithm
from esper.errors import ConfigError
from esper.fleet.plain.modules import PlainGate, PlainHost
from esper.fleet.plain.registry import build_plain_host, build_plain_seed
from esper.growth.grown import GrownHost
from esper.growth.hosts.kinds import injection_specs, topology_of
from esper.layers.flops import counted_flops


class Identity(nn.Module):
    """An injection point where nothing grew: the features pass unchanged."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class GrownSlot(nn.Module):
    """A seed blended into the features where it grew: h + alpha * (s - h), or as the seed's blend has it."""

    def __init__(self, seed: nn.Module, gate: PlainGate | None, *, algorithm: AlphaAlgorithm, alpha: float) -> None:
        super().__init__()
        self.seed = seed
        self.gate = gate
        self._algorithm = algorithm
        self._alpha = alpha

    def forward(self, h: Tensor) -> Tensor:
        """Blend the seed's output s into the features h; see esper.growth.seeds.blending for the three blends."""
        change = self.seed(h) - h
        if self._algorithm is AlphaAlgorithm.MULTIPLY:
            return h + self._alpha * (h * torch.tanh(change))
        if self.gate is None:
            return h + self._alpha * change
        return h + (self._alpha * self.gate(h)).clamp(0.0, 1.0) * change

    def extra_repr(self) -> str:
        return f"algorithm={self._algorithm.name}, alpha={self._alpha:g}"


class Normalise(nn.Module):
    """Turns stored images into what the host reads: (x - mean) / standard deviation, per channel."""

    def __init__(self, mean: tuple[float, ...], standard_deviation: tuple[float, ...]) -> None:
        super().__init__()
        # The fleet multiplies by the reciprocal; dividing would differ in the last bit.
        scale = 1.0 / torch.tensor(standard_deviation)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("scale", scale.view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images.to(torch.float32) - self.get_buffer("mean")) * self.get_buffer("scale")


class GrownNetwork(nn.Module):
    """A whole grown network, which reads stored samples and returns logits.

    Images are [B, C, H, W] with values from 0 to 255, of any numeric type. Tokens are indices [B, L]. Logits are
    [B, classes] for images and [B, L, vocabulary] for tokens.

    description: where the network came from and how it is built.
    """

    def __init__(self, description: GrownHost) -> None:
        """A network of this build whose values are still arbitrary; see load_state_dict.

        Raises:
            ConfigError: the host or a blueprint is a plug-in's that is not loaded, or that has no plain module.
        """
        super().__init__()
        self.description = description
        self.normalise = Normalise(description.mean, description.standard_deviation) if description.mean else Identity()
        self.host: PlainHost = build_plain_host(
            description.host, input_shape=description.input_shape, num_classes=description.num_classes
        )
        seeds = {seed.slot_id: seed for seed in description.seeds}
        topology = topology_of(description.host)
        self.slots = nn.ModuleDict()
        for spec in injection_specs(description.host):
            grown = seeds.pop(spec.slot_id, None)
            if grown is None:
                self.slots[spec.slot_id] = Identity()
                continue
            seed = build_plain_seed(grown.blueprint, grown.channels, topology=topology)
            gate = PlainGate(grown.channels) if grown.gated else None
            self.slots[spec.slot_id] = GrownSlot(seed, gate, algorithm=grown.algorithm, alpha=grown.alpha)
        if seeds:
            raise ConfigError(f"the host has no slot {', '.join(seeds)}, where the description has a seed")

    def forward(self, samples: Tensor) -> Tensor:
        x = self.normalise(samples)
        for segment, slot in enumerate(self.slots.values()):
            x = slot(self.host.run_segment(segment, x))
        return self.host.classify(x)


def parameters_of(module: nn.Module) -> int:
    """The number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def count_multiply_adds(network: GrownNetwork, sample: Tensor) -> int:
    """The number of multiplications in the network's convolutions and matrix products for one sample [1, ...]."""
    with counted_flops() as flops:
        network.eval()(sample)
    return flops.total // 2
