"""How a seed's output is blended into host features: pure tensor functions over the rows of one seed bank.

Legend: R rows (the envs that hold this blueprint in this slot), B minibatch, C channels, L tokens of width D.
In the formulas, h are the host's features, x is what the seed reads, and s is what the seed returns. All three are
[R, B, C, H, W] for images and [R, B, L, D] for tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

RowMask = Tensor | bool
"""One bool per row [R], or a plain bool if all rows agree, so that nothing is computed only to be thrown away."""


@dataclass(frozen=True, slots=True)
class SeedOutput:
    """What the seeds of a bank return, and what their gates (blend_gate.py) give.

    gate: None in a bank without gates.
    """

    s: Tensor
    gate: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendControls:
    """How each row of a bank takes part in training.

    alpha_r1111: the strength of the blend, [R, 1, 1, 1, 1] for images and [R, 1, 1, 1] for tokens.
    running: the seed is in the forward path at all.
    straight_through: host values pass unchanged while the gradient reaches the seed.
    isolate: the seed reads detached host features.
    multiply: the row is blended by MULTIPLY. Other rows are blended by GATE if the bank has gates, and by ADD if not.
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
    """The rows of chosen where the mask is set, those of otherwise elsewhere. The other side passes nothing on."""
    if isinstance(mask, bool):
        return chosen if mask else otherwise
    return torch.where(mask.view(-1, *[1] * (chosen.dim() - 1)), chosen, otherwise)


def seed_input(h: Tensor, isolate: RowMask) -> Tensor:
    """What the seed reads: h, detached in isolated rows so that no gradient reaches the host through the seed."""
    # Because of view_as, the gradients of the seed meet in a node of their own before they join the host's, whatever
    # the mask is. Sums are therefore formed in the same order in a fleet as for one env alone.
    return select_rows(isolate, h.detach(), h.view_as(h))


def blend(h: Tensor, x: Tensor, seed: SeedOutput, controls: BlendControls) -> Tensor:
    """The blended features, for all three blends: h + alpha * g * change.

    - ADD is h + alpha * (s - h), so its change is s - x and g is 1.
    - MULTIPLY is h * (1 + alpha * tanh(s - x)), so its change is x * tanh(s - x) and g is 1.
    - GATE is h + alpha * g(x) * (s - h), so its change is s - x. alpha, g and their product lie between 0 and 1.

    Every h but the first is written as x, which is what the seed reads. In an isolated row x is h detached, so the part
    of the host before the slot keeps its full gradient. If h stood there, ADD would leave only 1 - alpha of that
    gradient, which is nothing at alpha 1.
    """
    strength = controls.alpha_r1111 if seed.gate is None else controls.alpha_r1111 * seed.gate
    return torch.addcmul(h, strength, _change(x, seed.s, controls.multiply))


def _change(x: Tensor, s: Tensor, multiply: RowMask) -> Tensor:
    difference = s - x
    if multiply is False:
        return difference
    return select_rows(multiply, x * torch.tanh(difference), difference)


def straight_through(h: Tensor, x: Tensor, seed: SeedOutput) -> Tensor:
    """The value of h, while the gradient reaches both h and s at full strength. A diverged seed leaves h intact.

    A gate learns as it would at alpha 1: its gradient is that of g * (s - x).
    """
    carrier = seed.s - seed.s.detach()
    if seed.gate is not None:
        carrier = carrier + (seed.gate - seed.gate.detach()) * (seed.s - x).detach()
    return h + torch.where(carrier.isfinite(), carrier, torch.zeros_like(carrier))


def blend_for_training(h: Tensor, x: Tensor, seed: SeedOutput, controls: BlendControls) -> Tensor:
    """The blended features, with the gradient paths of training."""
    through = h if controls.straight_through is False else straight_through(h, x, seed)
    mixed = h if controls.straight_through is True else blend(h, x, seed, controls)
    return select_rows(controls.running, select_rows(controls.straight_through, through, mixed), h)
