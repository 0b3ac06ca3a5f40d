"""The state of an Adam optimiser as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import torch
from torch import Tensor, nn

_MOMENTS: Final = ("exp_avg", "exp_avg_sq")


def adam_tensors(module: nn.Module, optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    """For each parameter of the module, its step count (a float32 scalar) and both moments.

    They are named <parameter>/step and so on. A parameter that was never stepped has step 0 and moments of zero, with
    which Adam starts.
    """
    tensors: dict[str, Tensor] = {}
    for name, parameter in module.named_parameters():
        own = cast("Mapping[str, Tensor]", optimizer.state.get(parameter, {}))
        tensors[f"{name}/step"] = own.get("step", torch.zeros(())).detach().clone()
        for moment in _MOMENTS:
            tensors[f"{name}/{moment}"] = own.get(moment, torch.zeros_like(parameter)).detach().clone()
    return tensors


def load_adam_tensors(module: nn.Module, optimizer: torch.optim.Adam, tensors: Mapping[str, Tensor]) -> None:
    """Continue from the tensors that adam_tensors returned.

    The optimiser must hold module.parameters() in one group.
    """
    state = {
        place: {part: tensors[f"{name}/{part}"] for part in ("step", *_MOMENTS)}
        for place, (name, _) in enumerate(module.named_parameters())
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
