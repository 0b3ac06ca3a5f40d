"""Named tensors that hold what outlives a batch.

The parts of a name are joined by slashes, and two such sets of tensors must agree exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from esper.errors import ConfigError

_NAMES_SHOWN: Final = 3


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, with prefix and a slash before every name."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with prefix, without the prefix. This is the inverse of prefixed."""
    return {
        name.removeprefix(f"{prefix}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")
    }


def require_same_layout(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Check that names, shapes and dtypes are equal. Values and devices may differ.

    Raises:
        ConfigError: a tensor is missing, not wanted, or of another shape.
    """
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing:
        raise ConfigError(f"there is no tensor {_names(missing)}: {_REMEDY}")
    if extra:
        raise ConfigError(f"nothing here takes the tensor {_names(extra)}: {_REMEDY}")
    for name, wanted in expected.items():
        given = found[name]
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise ConfigError(f"tensor {name} is {form(given)}, needed is {form(wanted)}: {_REMEDY}")


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Check that no number is NaN or infinite: nothing that learns comes back from such a state.

    Raises:
        ConfigError: one is.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ConfigError(f"tensor {name} holds NaN or an infinity: use an earlier checkpoint of the run")


def require_not_negative(tensors: Mapping[str, Tensor], endings: tuple[str, ...]) -> None:
    """Check that counts, variances and the like, whose names end in one of these words, are not negative.

    Raises:
        ConfigError: one is.
    """
    for name, tensor in tensors.items():
        if name.endswith(endings) and bool((tensor < 0).any()):
            raise ConfigError(f"tensor {name} holds a negative number: use an earlier checkpoint of the run")


_REMEDY: Final = "it was saved by another configuration or version; continue with those that saved it"


def form(tensor: Tensor) -> str:
    """The dtype and the shape, in words.

    >>> import torch
    >>> form(torch.zeros(2, 3))
    'float32 [2, 3]'
    """
    return f"{dtype_name(tensor)} {list(tensor.shape)}"


def dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _names(names: set[str]) -> str:
    shown = sorted(names)[:_NAMES_SHOWN]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
