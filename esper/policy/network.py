"""The controller: a recurrent actor-critic with eight action heads and a state value.

Legend: E envs, T epochs, S slots, D observation features, H action heads, N choices of the largest head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esper.contracts.actions import Blueprint, Head, head_sizes
from esper.policy.config import PolicyConfig
from esper.policy.observations import NO_BLUEPRINT, observation_size

_NULL_ROW = len(Blueprint)
_HIDDEN_GAIN = math.sqrt(2.0)
_LOGIT_GAIN = 0.01
_VALUE_GAIN = 0.1
_EMBEDDING_STD = 0.02

Hidden = tuple[Tensor, Tensor]
"""State of the LSTM: (h, c), each [1, E, hidden size]."""


@dataclass(frozen=True, slots=True)
class PolicyOutput:
    """logits_ethn [E, T, H, N], padded with zeros that the masks hide; values_et in the critic's normalised units."""

    logits_ethn: Tensor
    values_et: Tensor
    hidden: Hidden


class FactoredRecurrentPolicy(nn.Module):
    """Features and blueprint embeddings -> LSTM -> one small network per action head, and the critic V(s).

    A single step is a sequence of length one, so acting and the update run the same code.
    """

    floors_h: Tensor

    def __init__(self, num_slots: int, config: PolicyConfig, generator: torch.Generator) -> None:
        """generator: CPU; the weights are a function of it alone. Build on the CPU, then move with .to(device)."""
        super().__init__()
        self.num_slots = num_slots
        self.config = config
        self._sizes = head_sizes(num_slots)
        inputs = observation_size(num_slots) + num_slots * config.embedding_size
        # Constructors draw default weights that are all replaced below; keep them off the caller's random stream.
        with torch.random.fork_rng(devices=[]):
            self.embedding = nn.Embedding(len(Blueprint) + 1, config.embedding_size)
            self.features = nn.Sequential(
                nn.Linear(inputs, config.feature_size), nn.LayerNorm(config.feature_size), nn.ReLU()
            )
            self.lstm = nn.LSTM(config.feature_size, config.hidden_size, batch_first=True)
            self.norm = nn.LayerNorm(config.hidden_size)
            self.heads = nn.ModuleList(_head(config, size) for size in self._sizes)
            self.critic = _critic(config)
        self.register_buffer("floors_h", torch.tensor(config.probability_floors.in_order()), persistent=False)
        self._initialize(generator)

    def forward(self, features_etd: Tensor, blueprints_ets: Tensor, hidden: Hidden) -> PolicyOutput:
        """Run a sequence of T epochs for E envs from a hidden state.

        features_etd: normalised. blueprints_ets: long, -1 = empty slot.
        """
        rows_ets = torch.where(blueprints_ets == NO_BLUEPRINT, _NULL_ROW, blueprints_ets)
        embedded = self.embedding(rows_ets).flatten(-2)
        inputs = self.features(torch.cat((features_etd, embedded), dim=-1))
        states, hidden = self.lstm(inputs, hidden)
        states = self.norm(states)
        width = max(self._sizes)
        logits = [F.pad(head(states), (0, width - size)) for head, size in zip(self.heads, self._sizes, strict=True)]
        return PolicyOutput(torch.stack(logits, dim=-2), self.critic(states).squeeze(-1), hidden)

    def initial_state(self, envs: int) -> Hidden:
        """The state with which every episode starts: zeros."""
        zeros = self.floors_h.new_zeros(1, envs, self.config.hidden_size)
        return zeros, zeros

    def head_parameters(self, head: Head) -> list[nn.Parameter]:
        """The parameters that only this head uses."""
        return list(self.heads[head].parameters())

    @torch.no_grad()
    def _initialize(self, generator: torch.Generator) -> None:
        """Orthogonal weights, zero biases, forget bias 1, near-uniform heads and a near-zero value."""
        self.embedding.weight.normal_(0.0, _EMBEDDING_STD, generator=generator)
        for part in (self.features, *self.heads, self.critic):
            for layer in part.modules():
                if isinstance(layer, nn.Linear):
                    _orthogonal(layer, _HIDDEN_GAIN, generator)
        for head in self.heads:
            _orthogonal(_last_linear(head), _LOGIT_GAIN, generator)
        _orthogonal(_last_linear(self.critic), _VALUE_GAIN, generator)
        self._initialize_lstm(generator)

    def _initialize_lstm(self, generator: torch.Generator) -> None:
        size = self.config.hidden_size
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias"):
                parameter.zero_()
                continue
            for gate in range(4):
                nn.init.orthogonal_(parameter[gate * size : (gate + 1) * size], 1.0, generator=generator)
        # Gate order is input, forget, cell, output. torch adds two biases, so only one carries the forget bias.
        self.lstm.get_parameter("bias_ih_l0")[size : 2 * size] = 1.0


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


def _last_linear(module: nn.Module) -> nn.Linear:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]


def _orthogonal(layer: nn.Linear, gain: float, generator: torch.Generator) -> None:
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
