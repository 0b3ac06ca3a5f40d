"""The controller's distributions: masked softmax with a floor, sampling, log-probabilities and entropies.

These are pure functions, and rollout and update use the same ones. All heads are computed at once, padded to N choices:
logits_hn [..., H, N] with a mask of the same shape. Everything is float32, whatever precision the network runs in.
"""

from __future__ import annotations

import torch
from torch import Tensor

from esper.contracts.actions import NUM_HEADS, PLACEHOLDERS, RELEVANT_HEADS, Head, Op
from esper.policy.config import Decisions

_TINY = torch.finfo(torch.float32).tiny


def relevance_table(device: torch.device) -> Tensor:
    """Whether each head matters for each op, bool [6, H]."""
    return torch.tensor([[head in RELEVANT_HEADS[op] for head in Head] for op in Op], device=device)


def placeholder_row(device: torch.device) -> Tensor:
    """The value that each irrelevant head carries, long [H]. The slot head carries the first enabled slot."""
    row = [0] * NUM_HEADS
    for head, value in PLACEHOLDERS.items():
        row[head] = int(value)
    return torch.tensor(row, device=device)


def floored_probabilities(logits_hn: Tensor, mask_hn: Tensor, floors_h: Tensor) -> Tensor:
    """(1 - floor) * softmax + floor / legal for the legal choices, and 0 for illegal ones. A single legal choice has 1.

    logits_hn: [..., H, N].
    mask_hn: bool, with at least one True per row.
    floors_h: [H], each in [0, 1).
    """
    masked = logits_hn.float().masked_fill(~mask_hn, float("-inf"))
    legal_h1 = mask_hn.sum(-1, keepdim=True)
    floor_h1 = torch.where(legal_h1 > 1, floors_h.unsqueeze(-1), 0.0)
    return (1.0 - floor_h1) * masked.softmax(-1) + mask_hn * (floor_h1 / legal_h1)


def sample(probabilities_hn: Tensor, uniforms_h: Tensor) -> Tensor:
    """Invert the cumulative distribution at uniforms in [0, 1). A choice of probability 0 is never returned."""
    cumulative_hn = probabilities_hn.cumsum(-1)
    # A float32 uniform is at most 1 - 2**-24, and its product with the total rounds to less than the total, so the
    # threshold never runs past the last legal choice.
    threshold_h1 = uniforms_h.unsqueeze(-1) * cumulative_hn[..., -1:]
    return (cumulative_hn <= threshold_h1).sum(-1)


def choose(probabilities_hn: Tensor, uniforms_h: Tensor, how: Decisions) -> Tensor:
    """One choice per distribution: drawn with these uniforms, or the likeliest one, which is the first among equals."""
    return probabilities_hn.argmax(-1) if how == "greedy" else sample(probabilities_hn, uniforms_h)


def log_probabilities(probabilities_hn: Tensor, actions_h: Tensor) -> Tensor:
    """The log-probability of each head's choice, [..., H]."""
    chosen_h = probabilities_hn.gather(-1, actions_h.unsqueeze(-1)).squeeze(-1)
    return chosen_h.clamp_min(_TINY).log()


def entropies(probabilities_hn: Tensor) -> Tensor:
    """The entropy of each head in nats, [..., H]. Impossible choices add nothing."""
    return -(probabilities_hn * probabilities_hn.clamp_min(_TINY).log()).sum(-1)


def normalized_entropies(probabilities_hn: Tensor, mask_hn: Tensor) -> Tensor:
    """The entropy as a share of ln(legal choices), from 0 to 1. It is 0 where only one choice is legal."""
    legal_h = mask_hn.sum(-1)
    maximum_h = legal_h.clamp_min(2).float().log()
    return torch.where(legal_h > 1, entropies(probabilities_hn) / maximum_h, 0.0)
