"""Causal attention by torch's flex attention, and where it is used.

Legend: X samples, N heads, L tokens, S width of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final, cast

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from esper.layers.attention import scaled_dot_product

SMALLEST_HEAD: Final = 16
"""Flex attention compiles no kernel for heads narrower than this."""

FlexKernel = Callable[..., Tensor | tuple[Tensor, ...]]

_PRECISIONS: Final = (torch.float32, torch.float16, torch.bfloat16)
_MASKS_KEPT: Final = 8


def uses_flex(device_type: str, dtype: torch.dtype, head_width: int) -> bool:
    """Whether causal attention, with its gradient, runs as a compiled flex kernel here.

    Only CUDA devices have a flex kernel with a gradient. On a CPU, torch offers flex attention only for inference.
    Training and validation must compute the same thing, so SDPA does both there.

    >>> uses_flex("cpu", torch.float32, 64), uses_flex("cuda", torch.float32, 64), uses_flex("cuda", torch.float32, 8)
    (False, True, False)
    """
    return device_type == "cuda" and dtype in _PRECISIONS and head_width >= SMALLEST_HEAD


def flex_or_sdpa(query_xnls: Tensor, key_xnls: Tensor, value_xnls: Tensor) -> Tensor:
    """Causal attention, by a compiled flex kernel where uses_flex says so and by SDPA elsewhere."""
    if not uses_flex(query_xnls.device.type, query_xnls.dtype, query_xnls.shape[-1]):
        return scaled_dot_product(query_xnls, key_xnls, value_xnls)
    return flex_causal(query_xnls, key_xnls, value_xnls, _compiled_flex())


def flex_causal(
    query_xnls: Tensor, key_xnls: Tensor, value_xnls: Tensor, kernel: FlexKernel = flex_attention
) -> Tensor:
    """Causal attention by flex attention with a block mask. The masks of the last eight lengths are kept."""
    mask = _causal_mask(query_xnls.shape[2], str(query_xnls.device))
    return cast(Tensor, kernel(query_xnls, key_xnls, value_xnls, block_mask=mask))


@cache
def _compiled_flex() -> FlexKernel:
    return torch.compile(flex_attention)


def _is_past(_sample: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
    return query >= key


@lru_cache(maxsize=_MASKS_KEPT)
def _causal_mask(length: int, device: str) -> BlockMask:
    # With None, one mask serves all samples and heads, whatever their number.
    return create_block_mask(_is_past, None, None, length, length, device=device)
