"""One epoch of training and one pass over a held-out split, without waiting for the device.

Legend: E envs, B minibatch, N predictions of an env (one per image, or one per token), V branches (fleet/branches.py).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from esper.contracts.counterfactual import AblationStrategy
from esper.fleet.ablation import ablation_masks
from esper.fleet.branches import plan_branches, run_branches
from esper.fleet.forward import FleetNetwork
from esper.fleet.gradients import GradientTotals, row_norms, seed_statistics
from esper.fleet.measure import EvaluationTotals, TrainTotals
from esper.fleet.optimizer import StackedOptimizer
from esper.fleet.plan import FleetPlan
from esper.growth.seeds.blending import RowMask
from esper.layers.batch import Minibatch


def train_epoch(
    network: FleetNetwork,
    plan: FleetPlan,
    optimizer: StackedOptimizer,
    batches: Iterable[Minibatch],
    *,
    envs_active: RowMask,
    gradient_stride: int,
) -> TrainTotals:
    """Train every host and seed on these minibatches.

    optimizer: the optimiser of the hosts. Banks have their own.
    envs_active: the hosts that are stepped.

    Raises:
        ValueError: there is no minibatch.
    """
    network.host.train()
    totals: tuple[Tensor, Tensor] | None = None
    gradients: GradientTotals | None = None
    predictions = 0
    for step, batch in enumerate(batches):
        loss_en, correct_e = _forward(network, plan, batch)
        # The loss is averaged over predictions but summed over envs, so that each env has the gradient that it would
        # have alone.
        torch.autograd.backward(loss_en.mean(1).sum())
        envs, size = loss_en.shape
        gradients = gradients or GradientTotals(envs, len(plan.slots), loss_en.device)
        _step(plan, optimizer, envs_active, gradients if step % gradient_stride == 0 else None)
        loss_e = loss_en.detach().sum(1)
        totals = (loss_e, correct_e) if totals is None else (totals[0] + loss_e, totals[1] + correct_e)
        predictions += size
    if totals is None or gradients is None:
        raise ValueError("a training epoch needs at least one minibatch")
    return TrainTotals(
        loss_e=totals[0],
        correct_e=totals[1],
        predictions=predictions,
        host_norm_e=gradients.host_means(),
        gradients_es4=gradients.seed_means(),
        running_es=plan.running,
    )


def _forward(network: FleetNetwork, plan: FleetPlan, batch: Minibatch) -> tuple[Tensor, Tensor]:
    """The loss of each prediction, [E, N], and the number of correct predictions, [E]."""
    logits = network.logits(batch.inputs, plan)
    return losses(logits, batch.targets), correct_counts(logits, batch.targets)


def _step(plan: FleetPlan, optimizer: StackedOptimizer, envs_active: RowMask, reading: GradientTotals | None) -> None:
    """Step hosts and seeds with their present gradients, take a reading of these if asked to, and forget them."""
    host_gradients = optimizer.gradients_rp()
    host_norms_e = row_norms(host_gradients)
    optimizer.step(host_gradients, host_norms_e, envs_active)
    optimizer.zero_grad()
    if reading is not None:
        reading.add_host(host_norms_e)
    for bank_plan in plan.banks():
        seeds = bank_plan.bank.optimizer
        gradients = seeds.gradients_rp() if bank_plan.gradients_rp is None else bank_plan.gradients_rp
        norms_r = row_norms(gradients)
        if reading is not None:
            host_norms_r = host_norms_e if bank_plan.rows is None else host_norms_e[bank_plan.rows]
            statistics = seed_statistics(gradients, norms_r, host_norms_r, seeds, optimizer.parameter_count)
            reading.add_bank(bank_plan, statistics)
        seeds.step(gradients, norms_r, bank_plan.stepped)
        seeds.zero_grad()


@torch.no_grad()
def evaluate(
    network: FleetNetwork, plan: FleetPlan, batches: Iterable[Minibatch], *, ablation: AblationStrategy | None
) -> EvaluationTotals:
    """Measure the network as it is and, with an ablation strategy, also with seeds switched off.

    Raises:
        ValueError: there is no minibatch.
    """
    network.host.eval()
    masks_e = [ablation_masks(*env, ablation) for env in zip(plan.active, plan.committed, strict=True)]
    branches = plan_branches(network, plan, masks_e)
    totals: tuple[Tensor, Tensor] | None = None
    predictions = 0
    for batch in batches:
        logits = run_branches(network, branches, batch.inputs)
        correct_v = correct_counts(logits, branches.envs.of(batch.targets))
        loss_e = losses(branches.main.of(logits), batch.targets).sum(1)
        totals = (loss_e, correct_v) if totals is None else (totals[0] + loss_e, totals[1] + correct_v)
        predictions += batch.targets[0].numel()
    if totals is None:
        raise ValueError("an evaluation needs at least one minibatch")
    return EvaluationTotals(
        loss_e=totals[0],
        correct_v=totals[1],
        predictions=predictions,
        branches=branches.branches,
        active_es=plan.active,
        committed_es=plan.committed,
    )


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of each prediction, [E, N], for targets [E, B] or [E, B, L] and logits with one more axis."""
    flat = F.cross_entropy(logits.flatten(0, -2), targets.reshape(-1), reduction="none")
    return flat.view(len(targets), -1)


def correct_counts(logits: Tensor, targets: Tensor) -> Tensor:
    """The number of correct predictions, [E]."""
    return (logits.detach().argmax(-1) == targets).flatten(1).sum(1)
