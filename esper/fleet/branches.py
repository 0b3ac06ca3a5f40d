"""Many ablation configurations of many envs in one pass: branches that share what they have in common.

Legend: E envs, V branches, B minibatch, S slots, R rows of a bank.

A branch is one env with a choice of seeds for the slots passed so far. A pass begins with one branch per env. Behind a
slot, a branch splits in two where the env wants results both with and without the seed there. All branches are rows
of one stack: every host segment and every bank of seeds runs once per pass, over exactly the rows that differ, with
the parameters of each row's env.
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
    """One env with some of its seeds on. Slots that are still to come count as off."""

    env: int
    slots_on: SlotMask


class Rows:
    """Which rows of a stack, in which order. index: None stands for all of them as they are."""

    def __init__(self, rows: Sequence[int], among: int, device: torch.device) -> None:
        """among: how many rows the stack has."""
        whole = list(rows) == list(range(among))
        self.index: Tensor | None = None if whole else torch.tensor(rows, device=device)

    def of(self, tensor: Tensor) -> Tensor:
        """Those rows of a tensor whose first axis is the row, in any memory order."""
        return tensor if self.index is None else tensor.index_select(0, self.index)


class RowsOfModule:
    """A stacked module with some of its rows, as they are when this is made: rows may repeat."""

    def __init__(self, module: nn.Module, rows: Rows) -> None:
        self._module = module
        self._tensors: dict[str, Tensor] | None = None
        if rows.index is not None:
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
    """What happens behind one segment.

    host: runs the segment.
    parents: for each branch behind the slot, the one it comes from; branches in which a seed is on keep the number of
        their parent. None: no branch splits.
    """

    host: RowsOfModule
    banks: tuple[BankPart, ...]
    parents: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPlan:
    """A whole pass.

    branches: what its V results are.
    main: those which are the env's first wanted mask, by env.
    """

    splits: tuple[Split, ...]
    classifier: RowsOfModule
    branches: tuple[Branch, ...]
    envs: Rows
    main: Rows


class _HostPart(nn.Module):
    """A host as a module whose forward pass is one of its segments, or the classifier behind the last one."""

    def __init__(self, host: HostProtocol) -> None:
        super().__init__()
        self.host = host

    def forward(self, segment: int | None, features: Tensor) -> Tensor:
        return self.host.classify(features) if segment is None else self.host.run_segment(segment, features)


def plan_branches(network: FleetNetwork, plan: FleetPlan, masks_e: Sequence[Iterable[SlotMask]]) -> BranchPlan:
    """How to measure these masks of each env in one pass, with parameters as they are now."""
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
    """Logits of every branch: [V, B, classes], or [V, B, L, vocabulary].

    inputs: of every env.
    """
    features = inputs
    for segment, split in enumerate(plan.splits):
        features = cast(Tensor, split.host(segment, features))
        features = _grow(network, split, features)
    return cast(Tensor, plan.classifier(None, features))


def run_whole(network: FleetNetwork, plan: FleetPlan, branches: Sequence[Branch], inputs: Tensor) -> Tensor:
    """The slow twin of run_branches: one whole pass for each branch, in which all other envs keep their seeds off."""
    off = (False,) * len(plan.slots)
    logits: list[Tensor] = []
    for branch in branches:
        masks_e = [[branch.slots_on if env == branch.env else off] for env in range(inputs.shape[0])]
        alone = plan_branches(network, plan, masks_e)
        logits.append(run_branches(network, alone, inputs)[branch.env])
    return torch.stack(logits)


def _choices(branch: Branch, slot: int, passed: Sequence[int], masks: Sequence[SlotMask]) -> set[bool]:
    """What a branch must do in this slot so that each mask that begins as the branch does is measured."""
    return {mask[slot] for mask in masks if all(mask[before] == branch.slots_on[before] for before in passed)}


def _with_slot(branch: Branch, slot: int, on: bool) -> Branch:
    return Branch(branch.env, (*branch.slots_on[:slot], on, *branch.slots_on[slot + 1 :]))


def _bank_parts(
    branches: Sequence[Branch], choices: Sequence[set[bool]], banks: Sequence[BankPlan], device: torch.device
) -> tuple[BankPart, ...]:
    """The banks of a slot that have a seed on in some branch."""
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
    """The features behind a slot, for the branches behind it."""
    blended = [_blended(network, part, features) for part in split.banks]
    if split.parents is None:
        for part, values in zip(split.banks, blended, strict=True):
            features = (
                values
                if part.branches.index is None
                else scatter_rows(features, part.branches.index, values, network.algorithm)
            )
        return features
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
