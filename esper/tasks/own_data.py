"""What each host of a fleet is given of the training split, if hosts are to differ.

Legend: E envs, N training samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from esper.contracts.conditions import Conditions
from esper.tasks.data import TaskData


@dataclass(frozen=True, slots=True)
class OwnData:
    """Each host's own part of the training split, and its own labels.

    samples_en: long, the sample that each host sees where the common order names sample n. A host with a share of the
        split sees the samples of its share again and again, equally often in a pass.
    targets_en: long, each host's labels, by sample.
    """

    samples_en: Tensor
    targets_en: Tensor


def own_data(data: TaskData, conditions: list[Conditions], generators: list[torch.Generator]) -> OwnData:
    """Draw the data of E hosts of a task with labels.

    generators: CPU generators, one per host, which alone decide its data.
    """
    drawn = [_draw(data, own, generator) for own, generator in zip(conditions, generators, strict=True)]
    device = data.train.inputs.device
    return OwnData(
        samples_en=torch.stack([samples for samples, _ in drawn]).to(device),
        targets_en=torch.stack([targets for _, targets in drawn]).to(device),
    )


def _draw(data: TaskData, conditions: Conditions, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    count = len(data.train)
    kept = max(1, round(conditions.data_share * count))
    samples = torch.randperm(count, generator=generator)[torch.arange(count) % kept]
    wrong = torch.rand(count, generator=generator) < conditions.label_noise
    others = torch.randint(data.num_classes, (count,), generator=generator)
    return samples, torch.where(wrong, others, data.train.targets.cpu())
