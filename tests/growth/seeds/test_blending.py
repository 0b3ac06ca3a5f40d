"""Blending: values and gradient paths."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from esper.growth.seeds.blending import BlendControls, RowMask, SeedOutput, blend_for_training, row_mask, seed_input
from esper.growth.seeds.blending import blend as blend_values

CPU = torch.device("cpu")


def features(seed: int, rows: int = 2) -> Tensor:
    return torch.randn(rows, 3, 2, 2, 2, generator=torch.Generator().manual_seed(seed))


def controls(
    alpha: float,
    *,
    straight_through: RowMask = False,
    isolate: RowMask = True,
    running: RowMask = True,
    multiply: RowMask = False,
) -> BlendControls:
    return BlendControls(
        alpha_r1111=torch.full((2, 1, 1, 1, 1), alpha),
        running=running,
        straight_through=straight_through,
        isolate=isolate,
        multiply=multiply,
    )


def test_masks_are_plain_when_all_rows_agree() -> None:
    assert row_mask([True, True], CPU) is True
    assert row_mask([False, False], CPU) is False
    mixed = row_mask([True, False], CPU)
    assert isinstance(mixed, Tensor)
    assert mixed.tolist() == [True, False]


def test_add_moves_features_toward_the_seeds_output() -> None:
    h, s = features(0), features(1)
    for alpha in (0.0, 0.3, 1.0):
        expected = h + alpha * (s - h)
        torch.testing.assert_close(blend_for_training(h, h, SeedOutput(s), controls(alpha)), expected)
        torch.testing.assert_close(blend_values(h, h, SeedOutput(s), controls(alpha)), expected)


def test_straight_through_keeps_the_value_and_passes_the_full_gradient_to_both() -> None:
    h, s = features(0).requires_grad_(), features(1).requires_grad_()
    blended = blend_for_training(h, h.detach(), SeedOutput(s), controls(0.0, straight_through=True))
    assert torch.equal(blended, h)
    blended.sum().backward()
    assert h.grad is not None
    assert s.grad is not None
    assert torch.equal(h.grad, torch.ones_like(h))
    assert torch.equal(s.grad, torch.ones_like(s))


def test_a_diverged_training_seed_leaves_the_host_untouched() -> None:
    h, s = features(0).requires_grad_(), features(1)
    s[0, 0] = torch.inf
    s[1, 1] = torch.nan
    blended = blend_for_training(h, h.detach(), SeedOutput(s), controls(0.0, straight_through=True))
    assert torch.equal(blended, h)
    blended.sum().backward()
    assert h.grad is not None
    assert torch.equal(h.grad, torch.ones_like(h))


def test_a_seed_that_does_not_run_changes_nothing_even_when_diverged() -> None:
    h, s = features(0), features(1)
    s[1] = torch.nan
    running = torch.tensor([True, False])
    blended = blend_for_training(h, h, SeedOutput(s), controls(0.5, running=running))
    assert torch.equal(blended[1], h[1])
    assert not torch.equal(blended[0], h[0])


def test_an_isolated_seed_leaves_the_hosts_gradient_at_full_strength() -> None:
    h = features(0).requires_grad_()
    x = seed_input(h, True)
    blended = blend_for_training(h, x, SeedOutput(3.0 * x), controls(0.7, isolate=True))
    blended.sum().backward()
    assert h.grad is not None
    assert torch.equal(h.grad, torch.ones_like(h))


def test_a_committed_seed_passes_its_gradient_on_to_the_host() -> None:
    h = features(0).requires_grad_()
    x = seed_input(h, False)
    blended = blend_for_training(h, x, SeedOutput(3.0 * x), controls(0.5, isolate=False))
    blended.sum().backward()
    assert h.grad is not None
    torch.testing.assert_close(h.grad, torch.full_like(h, 1.0 + 0.5 * (3.0 - 1.0)))


def test_rows_of_a_mixed_bank_do_what_they_do_alone() -> None:
    """Row 0 in TRAINING, row 1 committed: values and gradients as in two banks of one row each."""
    straight, isolate = torch.tensor([True, False]), torch.tensor([True, False])
    h = features(0).requires_grad_()
    x = seed_input(h, isolate)
    blended = blend_for_training(h, x, SeedOutput(x * x), controls(0.5, straight_through=straight, isolate=isolate))
    (blended * features(2)).sum().backward()
    for row in range(2):
        alone = features(0)[row : row + 1].requires_grad_()
        single = seed_input(alone, row == 0)
        control = BlendControls(
            alpha_r1111=torch.full((1, 1, 1, 1, 1), 0.5),
            running=True,
            straight_through=row == 0,
            isolate=row == 0,
        )
        expected = blend_for_training(alone, single, SeedOutput(single * single), control)
        (expected * features(2)[row]).sum().backward()
        assert h.grad is not None
        assert alone.grad is not None
        assert torch.equal(blended[row], expected[0])
        assert torch.equal(h.grad[row], alone.grad[0])


def test_multiply_scales_features_by_what_the_seed_changes() -> None:
    h, s = features(0), features(1)
    for alpha in (0.0, 0.3, 1.0):
        expected = h * (1 + alpha * torch.tanh(s - h))
        made = controls(alpha, multiply=True)
        torch.testing.assert_close(blend_for_training(h, h, SeedOutput(s), made), expected)
        torch.testing.assert_close(blend_values(h, h, SeedOutput(s), made), expected)


def test_gate_moves_each_sample_by_its_own_share() -> None:
    h, s = features(0), features(1)
    gate = torch.rand(2, 3, 1, 1, 1, generator=torch.Generator().manual_seed(2))
    for alpha in (0.0, 0.3, 1.0):
        expected = h + (alpha * gate).clamp(0, 1) * (s - h)
        torch.testing.assert_close(blend_for_training(h, h, SeedOutput(s, gate), controls(alpha)), expected)
        torch.testing.assert_close(blend_values(h, h, SeedOutput(s, gate), controls(alpha)), expected)


@pytest.mark.parametrize("blend", ["add", "multiply", "gate"])
def test_a_committed_seed_has_the_gradient_of_the_formula(blend: str) -> None:
    grads: list[Tensor] = []
    for formula in (True, False):
        h = features(0).requires_grad_()
        x = seed_input(h, False)
        s = x * x
        gate = x.mean((2, 3, 4), keepdim=True).sigmoid() if blend == "gate" else None
        made = controls(0.7, isolate=False, multiply=blend == "multiply")
        if not formula:
            blended = blend_for_training(h, x, SeedOutput(s, gate), made)
        elif blend == "multiply":
            blended = h * (1 + 0.7 * torch.tanh(s - h))
        else:
            blended = h + (0.7 if gate is None else 0.7 * gate) * (s - h)
        (blended * features(3)).sum().backward()
        assert h.grad is not None
        grads.append(h.grad)
    torch.testing.assert_close(grads[0], grads[1])


@pytest.mark.parametrize("blend", ["add", "multiply", "gate"])
def test_an_isolated_seed_takes_nothing_from_the_hosts_gradient_under_any_blend(blend: str) -> None:
    h = features(0).requires_grad_()
    x = seed_input(h, True)
    gate = x.mean((2, 3, 4), keepdim=True).sigmoid() if blend == "gate" else None
    blended = blend_for_training(h, x, SeedOutput(x * x, gate), controls(1.0, multiply=blend == "multiply"))
    blended.sum().backward()
    assert h.grad is not None
    assert torch.equal(h.grad, torch.ones_like(h))


def test_rows_of_one_bank_may_be_blended_differently() -> None:
    h, s = features(0), features(1)
    blended = blend_for_training(h, h, SeedOutput(s), controls(0.5, multiply=torch.tensor([True, False])))
    assert torch.equal(blended[:1], blend_for_training(h[:1], h[:1], SeedOutput(s[:1]), half(True)))
    assert torch.equal(blended[1:], blend_for_training(h[1:], h[1:], SeedOutput(s[1:]), half(False)))


def half(multiply: bool) -> BlendControls:
    """One row at alpha 0.5."""
    alpha = torch.full((1, 1, 1, 1, 1), 0.5)
    return BlendControls(alpha_r1111=alpha, running=True, straight_through=False, isolate=True, multiply=multiply)


def test_a_gate_learns_in_training_as_it_would_at_alpha_1() -> None:
    h, s = features(0), features(1).requires_grad_()
    gate = torch.full((2, 3, 1, 1, 1), 0.25).requires_grad_()
    blended = blend_for_training(h, h, SeedOutput(s, gate), controls(0.0, straight_through=True))
    assert torch.equal(blended, h)
    blended.sum().backward()
    assert s.grad is not None
    assert gate.grad is not None
    assert torch.equal(s.grad, torch.ones_like(s))
    torch.testing.assert_close(gate.grad, (s - h).detach().sum((2, 3, 4), keepdim=True))
