"""How a seed's output is blended into host features. Pure tensor functions over the rows of one seed bank.

Legend: R rows (the envs that hold this blueprint in this slot), B minibatch, C channels.
h: host features. x: what the seed reads. s: what the seed returns. All are [R, B, C, H, W], or
[R, B, L, D] of L tokens of width D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

RowMask = Tensor | bool
"""One bool per row [R], or a plain bool when all rows agree, so that nothing is computed only to be discarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendControls:
    """How each row of a bank takes part in training.

    alpha_r1111: blend strength, [R, 1, 1, 1, 1], or [R, 1, 1, 1] of tokens. running: the seed is in the forward path at
    all. straight_through: host values pass unchanged while the gradient reaches the seed. isolate: the seed reads
    detached host features.
    """

    alpha_r1111: Tensor
    running: RowMask
    straight_through: RowMask
    isolate: RowMask


def row_mask(values: Sequence[bool], device: torch.device) -> RowMask:
    """A mask over rows from plain bools."""
    if all(values):
        return True
    return torch.tensor(values, device=device) if any(values) else False


def select_rows(mask: RowMask, chosen: Tensor, otherwise: Tensor) -> Tensor:
    """chosen in the rows of the mask, otherwise elsewhere. Values and gradients of the other side are cut off."""
    if isinstance(mask, bool):
        return chosen if mask else otherwise
    return torch.where(mask.view(-1, *[1] * (chosen.dim() - 1)), chosen, otherwise)


def seed_input(h: Tensor, isolate: RowMask) -> Tensor:
    """What the seed reads: h, detached in isolated rows so that no gradient reaches the host through the seed."""
    # view_as: gradients of the seed meet in a node of their own before they join the host's, whatever the mask is,
    # so that sums are formed in the same order in a fleet and solo.
    return select_rows(isolate, h.detach(), h.view_as(h))


def add_blend(h: Tensor, x: Tensor, s: Tensor, alpha_r1111: Tensor) -> Tensor:
    """ADD: the value of h + alpha * (s - h).

    Written with x in place of the second h: in an isolated row the host before the slot keeps its full gradient
    instead of 1 - alpha of it, which would stop it from learning at alpha 1.
    """
    return torch.addcmul(h, alpha_r1111, s - x)


def straight_through(h: Tensor, s: Tensor) -> Tensor:
    """The value of h; the gradient reaches h and s at full strength. A seed that has diverged leaves h intact."""
    carrier = s - s.detach()
    return h + torch.where(carrier.isfinite(), carrier, torch.zeros_like(carrier))


def blend_for_training(h: Tensor, x: Tensor, s: Tensor, controls: BlendControls) -> Tensor:
    """Blended features with the gradient paths of training."""
    through = h if controls.straight_through is False else straight_through(h, s)
    mixed = h if controls.straight_through is True else add_blend(h, x, s, controls.alpha_r1111)
    return select_rows(controls.running, select_rows(controls.straight_through, through, mixed), h)


def blend_for_evaluation(h: Tensor, s: Tensor, alpha_r1111: Tensor, seeds_on: RowMask) -> Tensor:
    """Blended features where seeds_on, host features elsewhere."""
    return select_rows(seeds_on, add_blend(h, h, s, alpha_r1111), h)
