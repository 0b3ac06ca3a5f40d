"""Many ablation configurations of many envs in one pass, as branches that share what they have in common.

Legend: E envs, V branches, B minibatch, S slots, R rows of a bank.

A branch is one env with a choice of seeds for the slots passed so far. A pass begins with one branch per env. After a
slot, a branch splits in two if its env wants results both with and without the seed there. All branches are rows of one
stack: every host segment and every bank of seeds runs once per pass, over exactly the rows that differ, and each row
uses the parameters of its own env.

Two configurations that agree on the first slots thus pay for the segments up to there only once. With three slots, all
eight configurations run the segments before these slots 1 + 2 + 4 times and not 8 + 8 + 8 times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from esper.contracts.counterfactual import SlotMask
from esper.fleet.forward import FleetNetwork
from esper.fleet.plan import BankPlan, FleetPlan
from esper.growth.hosts.protocol import HostProtocol
from esper.growth.seeds.blending import BlendControls, RowMask, SeedOutput, blend
from esper.layers.layout import gather_rows, scatter_rows


@dataclass(frozen=True, slots=True)
class Branch:
    """One env with some of its seeds switched on. Slots that the pass has not reached count as off."""

    env: int
    slots_on: SlotMask


class Rows:
    """A choice of rows of a stack, in some order. index is None if all rows are chosen in their own order."""

    def __init__(self, rows: Sequence[int], among: int, device: torch.device) -> None:
        """among: the number of rows of the stack."""
        # Most plans choose every row in order. None lets the callers skip a copy of the whole stack then.
        whole = list(rows) == list(range(among))
        self.index: Tensor | None = None if whole else torch.tensor(rows, device=device)

    def of(self, tensor: Tensor) -> Tensor:
        """The chosen rows of a tensor whose first axis is the row, in any memory layout."""
        return tensor if self.index is None else tensor.index_select(0, self.index)


class RowsOfModule:
    """A stacked module, cut down to some of its rows with the values that they have now. Rows may repeat."""

    def __init__(self, module: nn.Module, rows: Rows) -> None:
        self._module = module
        self._tensors: dict[str, Tensor] | None = None
        if rows.index is not None:
            # The copies stand in for the module's own tensors, so that one call computes branches of the same env, each
            # of which needs that env's parameters in a row of its own. Ablation needs no gradient, hence detach.
            named = chain(module.named_parameters(), module.named_buffers())
            self._tensors = {name: rows.of(tensor.detach()) for name, tensor in named}

    def __call__(self, *arguments: object) -> object:
        """The module's forward pass."""
        if self._tensors is None:
            return self._module(*arguments)
        return functional_call(self._module, self._tensors, arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPart:
    """One bank's part in a pass: which branches its seeds are blended into, and the seeds for them."""

    seeds: RowsOfModule
    branches: Rows
    blend: BlendControls


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One segment and what happens after it.

    host: runs the segment.
    banks: the seeds that are blended in after it.
    parents: the branch from which each branch after the slot comes, or None if no branch splits. A branch keeps its
        number, and the branches that split off follow after all others; of a pair, the one that keeps its number has
        its seed on.
    """

    host: RowsOfModule
    banks: tuple[BankPart, ...]
    parents: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPlan:
    """A whole pass.

    classifier: turns the last features into logits.
    branches: the env and the set of seeds that each of the V results belongs to.
    envs: the env of each branch, as a choice of rows of the inputs' first axis.
    main: for each env, the branch that measures the first of its masks, which is the network as it is.
    """

    splits: tuple[Split, ...]
    classifier: RowsOfModule
    branches: tuple[Branch, ...]
    envs: Rows
    main: Rows


class _HostPart(nn.Module):
    """A host as a module whose forward pass is one of its segments, or the classifier after the last one."""

    def __init__(self, host: HostProtocol) -> None:
        super().__init__()
        self.host = host

    def forward(self, segment: int | None, features: Tensor) -> Tensor:
        return self.host.classify(features) if segment is None else self.host.run_segment(segment, features)


def plan_branches(network: FleetNetwork, plan: FleetPlan, masks_e: Sequence[Iterable[SlotMask]]) -> BranchPlan:
    """A plan that measures these masks of each env in one pass, with the parameters as they are now."""
    masks = [list(env_masks) for env_masks in masks_e]
    envs, device = len(masks), next(network.host.parameters()).device
    host = _HostPart(network.host)
    branches = [Branch(env, (False,) * len(plan.slots)) for env in range(envs)]
    passed: list[int] = []
    splits: list[Split] = []
    for segment in range(network.host.segments):
        module = RowsOfModule(host, Rows([branch.env for branch in branches], envs, device))
        slot = network.slot_after(segment)
        if slot is None:
            splits.append(Split(host=module, banks=(), parents=None))
            continue
        choices = [_choices(branch, slot, passed, masks[branch.env]) for branch in branches]
        banks = _bank_parts(branches, choices, plan.slots[slot], device)
        # A branch that goes both ways keeps its number for the way with the seed. Its twin without the seed is
        # appended, so the features of all earlier branches stay where they are and only the twins have to be copied.
        both = [number for number, choice in enumerate(choices) if len(choice) == 2]
        parents = torch.tensor([*range(len(branches)), *both], device=device) if both else None
        splits.append(Split(host=module, banks=banks, parents=parents))
        firsts = [_with_slot(branch, slot, True in choice) for branch, choice in zip(branches, choices, strict=True)]
        branches = firsts + [branches[number] for number in both]
        passed.append(slot)
    rows = Rows([branch.env for branch in branches], envs, device)
    numbers = {branch: number for number, branch in enumerate(branches)}
    main = [numbers[Branch(env, env_masks[0])] for env, env_masks in enumerate(masks)]
    return BranchPlan(
        splits=tuple(splits),
        classifier=RowsOfModule(host, rows),
        branches=tuple(branches),
        envs=rows,
        main=Rows(main, len(branches), device),
    )


def run_branches(network: FleetNetwork, plan: BranchPlan, inputs: Tensor) -> Tensor:
    """The logits of every branch: [V, B, classes] for images, or [V, B, L, vocabulary] for tokens.

    inputs: one minibatch for every env.
    """
    features = inputs
    for segment, split in enumerate(plan.splits):
        features = cast(Tensor, split.host(segment, features))
        features = _grow(network, split, features)
    return cast(Tensor, plan.classifier(None, features))


def run_whole(network: FleetNetwork, plan: FleetPlan, branches: Sequence[Branch], inputs: Tensor) -> Tensor:
    """The slow twin of run_branches: a whole pass for each branch, during which all other envs keep their seeds off."""
    off = (False,) * len(plan.slots)
    logits: list[Tensor] = []
    for branch in branches:
        masks_e = [[branch.slots_on if env == branch.env else off] for env in range(inputs.shape[0])]
        alone = plan_branches(network, plan, masks_e)
        logits.append(run_branches(network, alone, inputs)[branch.env])
    return torch.stack(logits)


def _choices(branch: Branch, slot: int, passed: Sequence[int], masks: Sequence[SlotMask]) -> set[bool]:
    """Whether a branch needs the seed of this slot on, off or both, to measure every mask that begins as it does."""
    return {mask[slot] for mask in masks if all(mask[before] == branch.slots_on[before] for before in passed)}


def _with_slot(branch: Branch, slot: int, on: bool) -> Branch:
    return Branch(branch.env, (*branch.slots_on[:slot], on, *branch.slots_on[slot + 1 :]))


def _bank_parts(
    branches: Sequence[Branch], choices: Sequence[set[bool]], banks: Sequence[BankPlan], device: torch.device
) -> tuple[BankPart, ...]:
    """The banks of a slot that have a seed switched on in some branch."""
    parts: list[BankPart] = []
    for plan in banks:
        row_of = {env: row for row, env in enumerate(plan.bank.envs)}
        on = [number for number, branch in enumerate(branches) if branch.env in row_of and True in choices[number]]
        if on:
            rows = Rows([row_of[branches[number].env] for number in on], len(row_of), device)
            parts.append(
                BankPart(
                    seeds=RowsOfModule(plan.bank.module, rows),
                    branches=Rows(on, len(branches), device),
                    blend=_blend_of(plan.blend, rows),
                )
            )
    return tuple(parts)


def _blend_of(controls: BlendControls, rows: Rows) -> BlendControls:
    """The blend of the chosen rows. Nothing is trained here, so the paths of gradients are switched off."""
    return BlendControls(
        alpha_r1111=rows.of(controls.alpha_r1111),
        running=True,
        straight_through=False,
        isolate=False,
        multiply=_mask_of(controls.multiply, rows),
    )


def _mask_of(mask: RowMask, rows: Rows) -> RowMask:
    return mask if isinstance(mask, bool) else rows.of(mask)


def _grow(network: FleetNetwork, split: Split, features: Tensor) -> Tensor:
    """The features after a slot, for the branches after it."""
    blended = [_blended(network, part, features) for part in split.banks]
    if split.parents is None:
        for part, values in zip(split.banks, blended, strict=True):
            features = (
                values
                if part.branches.index is None
                else scatter_rows(features, part.branches.index, values, network.algorithm)
            )
        return features
    # Every branch gets a copy of its parent's features. The rows in which a seed is on are then overwritten: they come
    # first and have their parents' numbers, so the banks' row numbers, which were made before the split, are still
    # right.
    grown = gather_rows(features, split.parents, network.algorithm)
    for part, values in zip(split.banks, blended, strict=True):
        if part.branches.index is None:
            grown[: values.shape[0]].copy_(values)
        else:
            grown.index_copy_(0, part.branches.index, values)
    return grown


def _blended(network: FleetNetwork, part: BankPart, features: Tensor) -> Tensor:
    index = part.branches.index
    h = features if index is None else gather_rows(features, index, network.algorithm)
    return blend(h, h, cast(SeedOutput, part.seeds(h)), part.blend)
