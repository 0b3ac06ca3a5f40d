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


@dataclass(frozen=True, slots=True)
class SeedOutput:
    """What a bank's seeds return, and what their gates (growth/gate.py) say: gate is None in a bank without gates."""

    s: Tensor
    gate: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendControls:
    """How each row of a bank takes part in training.

    alpha_r1111: blend strength, [R, 1, 1, 1, 1], or [R, 1, 1, 1] of tokens.
    running: the seed is in the forward path at all.
    straight_through: host values pass unchanged while the gradient reaches the seed.
    isolate: the seed reads detached host features.
    multiply: the row is blended by MULTIPLY; other rows by GATE where the bank has gates, else by ADD.
    """

    alpha_r1111: Tensor
    running: RowMask
    straight_through: RowMask
    isolate: RowMask
    multiply: RowMask = False


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


def blend(h: Tensor, x: Tensor, seed: SeedOutput, controls: BlendControls) -> Tensor:
    """h + alpha * g * change: the values of ADD, MULTIPLY and GATE.

    ADD: h + alpha * (s - h), change s - x. MULTIPLY: h * (1 + alpha * tanh(s - x)), change x * tanh(s - x). GATE:
    h + alpha * g(x) * (s - h), change s - x; alpha and g lie in 0..1, and so does their product.

    Written with x, what the seed reads, in place of every h but the first: in an isolated row x is h detached, and
    the host before the slot keeps its full gradient. With h, ADD would leave it 1 - alpha of it, nothing at alpha 1.
    """
    strength = controls.alpha_r1111 if seed.gate is None else controls.alpha_r1111 * seed.gate
    return torch.addcmul(h, strength, _change(x, seed.s, controls.multiply))


def _change(x: Tensor, s: Tensor, multiply: RowMask) -> Tensor:
    difference = s - x
    if multiply is False:
        return difference
    return select_rows(multiply, x * torch.tanh(difference), difference)


def straight_through(h: Tensor, x: Tensor, seed: SeedOutput) -> Tensor:
    """The value of h; the gradient reaches h and s at full strength. A seed that has diverged leaves h intact.

    A gate learns as it would at alpha 1: its gradient is that of g * (s - x).
    """
    carrier = seed.s - seed.s.detach()
    if seed.gate is not None:
        carrier = carrier + (seed.gate - seed.gate.detach()) * (seed.s - x).detach()
    return h + torch.where(carrier.isfinite(), carrier, torch.zeros_like(carrier))


def blend_for_training(h: Tensor, x: Tensor, seed: SeedOutput, controls: BlendControls) -> Tensor:
    """Blended features with the gradient paths of training."""
    through = h if controls.straight_through is False else straight_through(h, x, seed)
    mixed = h if controls.straight_through is True else blend(h, x, seed, controls)
    return select_rows(controls.running, select_rows(controls.straight_through, through, mixed), h)
