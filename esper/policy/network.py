"""The controller: a recurrent actor-critic with eight action heads and a state value.

Legend: E envs, T epochs, S slots, D observation features, H action heads, N choices of the largest head,
R recurrent size, L recurrent layers, O ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esper.contracts.actions import Head, head_sizes
from esper.contracts.blueprints import blueprint_count
from esper.contracts.randomness import derive_seed
from esper.policy.config import PolicyConfig
from esper.policy.display_heads import DisplayHead, contribution_head, op_value_head
from esper.policy.initialization import HIDDEN_GAIN, LOGIT_GAIN, VALUE_GAIN, last_linear, orthogonal
from esper.policy.observations import NO_BLUEPRINT, observation_size
from esper.policy.recurrent import Hidden, RecurrentCore

_EMBEDDING_STD = 0.02


@dataclass(frozen=True, slots=True)
class PolicyOutput:
    """What the network computes for a sequence.

    logits_ethn: [E, T, H, N], padded with zeros that the masks hide.
    values_et: in the critic's normalised units.
    states_etr: the recurrent states, which the heads and the critic read.
    """

    logits_ethn: Tensor
    values_et: Tensor
    states_etr: Tensor
    hidden: Hidden


class FactoredRecurrentPolicy(nn.Module):
    """Features and blueprint embeddings -> recurrent core -> one small network per action head, and the critic V(s).

    A single step is a sequence of length one, so acting and the update run the same code. op_values estimates Q(s, op)
    for display. contributions, if configured, predicts the contribution that each seed will be found to have.
    """

    floors_h: Tensor

    def __init__(
        self, num_slots: int, config: PolicyConfig, generator: torch.Generator, *, conditions: bool = False
    ) -> None:
        """Build the network on the CPU, then move it with .to(device).

        generator: a CPU generator, which alone determines the weights.
        conditions: whether it sees the conditions of the episode.
        """
        super().__init__()
        self.num_slots = num_slots
        self.config = config
        self._sizes = head_sizes(num_slots)
        inputs = observation_size(num_slots, conditions=conditions) + num_slots * config.embedding_size
        # Constructors draw default weights, which are all replaced below. They must not use up the caller's random
        # stream.
        with torch.random.fork_rng(devices=[]):
            self.embedding = nn.Embedding(blueprint_count() + 1, config.embedding_size)
            self.features = nn.Sequential(
                nn.Linear(inputs, config.feature_size), nn.LayerNorm(config.feature_size), nn.ReLU()
            )
            self.core = RecurrentCore(config.feature_size, config.hidden_size, config.layers)
            self.heads = nn.ModuleList(_head(config, size) for size in self._sizes)
            self.critic = _critic(config)
            self.op_values = op_value_head(config.hidden_size, config.value_size)
            self.contributions = (
                contribution_head(config.hidden_size, config.value_size, num_slots)
                if config.contribution_head
                else None
            )
        self.register_buffer("floors_h", torch.tensor(config.probability_floors.in_order()), persistent=False)
        self._initialize(generator)

    def forward(self, features_etd: Tensor, blueprints_ets: Tensor, hidden: Hidden) -> PolicyOutput:
        """Run a sequence of T epochs for E envs from a hidden state.

        features_etd: normalised.
        blueprints_ets: long, with -1 for an empty slot.
        """
        rows_ets = torch.where(blueprints_ets == NO_BLUEPRINT, self.embedding.num_embeddings - 1, blueprints_ets)
        embedded = self.embedding(rows_ets).flatten(-2)
        inputs = self.features(torch.cat((features_etd, embedded), dim=-1))
        states, hidden = self.core(inputs, hidden)
        width = max(self._sizes)
        logits = [F.pad(head(states), (0, width - size)) for head, size in zip(self.heads, self._sizes, strict=True)]
        return PolicyOutput(torch.stack(logits, dim=-2), self.critic(states).squeeze(-1), states, hidden)

    def set_floors(self, floors_h: Sequence[float]) -> None:
        """Change the uniform share of each head's distribution, in head order; see PolicyConfig.floors_after."""
        self.floors_h.copy_(torch.tensor(floors_h))

    def initial_state(self, envs: int) -> Hidden:
        """The state with which every episode starts: zeros."""
        return self.core.initial_state(envs)

    @torch.no_grad()
    def rescale_values(self, gain: Tensor, shift: Tensor) -> None:
        """Change the units of the critic and of the op values, so that v becomes gain * v + shift in every state."""
        for layer in (last_linear(self.critic), self.op_values.output):
            layer.weight.mul_(gain)
            layer.bias.mul_(gain).add_(shift)

    def head_parameters(self, head: Head) -> list[nn.Parameter]:
        """The parameters that only this head uses."""
        return list(self.heads[head].parameters())

    def acting_parameters(self) -> list[nn.Parameter]:
        """The parameters that decide, with those of the critic."""
        return [weight for part in self._acting_parts() for weight in part.parameters()]

    def display_parameters(self) -> list[nn.Parameter]:
        """The parameters of the heads that are only looked at."""
        return [weight for part in self._display_parts().values() for weight in part.parameters()]

    def _acting_parts(self) -> tuple[nn.Module, ...]:
        return self.embedding, self.features, self.core, self.heads, self.critic

    def _display_parts(self) -> dict[str, DisplayHead]:
        parts = {"op values": self.op_values}
        return parts if self.contributions is None else {**parts, "contributions": self.contributions}

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        """Set orthogonal weights, zero biases, near-uniform heads and near-zero values.

        Each display head draws from a stream of its own, so that no other weight depends on whether it exists.
        """
        self.embedding.weight.normal_(0.0, _EMBEDDING_STD, generator=generator)
        for part in (self.features, *self.heads, self.critic):
            for layer in part.modules():
                if isinstance(layer, nn.Linear):
                    orthogonal(layer, HIDDEN_GAIN, generator)
        for head in self.heads:
            orthogonal(last_linear(head), LOGIT_GAIN, generator)
        orthogonal(last_linear(self.critic), VALUE_GAIN, generator)
        self.core.initialize(generator)
        for name, display in self._display_parts().items():
            stream = derive_seed(generator.initial_seed(), name)
            display.initialize(torch.Generator().manual_seed(stream))


def _head(config: PolicyConfig, size: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(config.hidden_size, config.head_size), nn.ReLU(), nn.Linear(config.head_size, size))


def _critic(config: PolicyConfig) -> nn.Sequential:
    first, second = config.value_size, max(1, config.value_size // 2)
    return nn.Sequential(
        nn.Linear(config.hidden_size, first),
        nn.LayerNorm(first),
        nn.ReLU(),
        nn.Linear(first, second),
        nn.LayerNorm(second),
        nn.ReLU(),
        nn.Linear(second, 1),
    )
