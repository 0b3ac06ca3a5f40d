"""Random crops and mirror images of a minibatch, as tensor operations on the device that holds the images.

Legend: N images, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 4


def draw_crop_and_flip(steps: int, batch: int, generator: torch.Generator) -> Tensor:
    """The choices for several minibatches, int64 [steps, batch, 3] on the CPU.

    A choice holds the top and the left edge of the crop, each from 0 to 2 * PADDING, and 1 if the image is mirrored,
    else 0.
    """
    corners = torch.randint(0, 2 * PADDING + 1, (steps, batch, 2), generator=generator)
    mirrored = torch.randint(0, 2, (steps, batch, 1), generator=generator)
    return torch.cat((corners, mirrored), dim=2)


def crop_and_flip(images_nchw: Tensor, choices_n3: Tensor) -> Tensor:
    """The images, each framed with PADDING zeros, cropped to its size at its own corner, and mirrored or not.

    choices_n3: rows of draw_crop_and_flip, on the images' device.
    """
    count, _, height, width = images_nchw.shape
    top_n, left_n, mirrored_n = choices_n3.unbind(1)
    windows = F.pad(images_nchw, (PADDING,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    cropped = windows[torch.arange(count, device=images_nchw.device), :, top_n, left_n]
    return torch.where(mirrored_n.bool().view(-1, 1, 1, 1), cropped.flip(-1), cropped)
