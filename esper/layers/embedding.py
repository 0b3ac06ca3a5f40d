"""Stacked embeddings of tokens and of their positions.

Legend: R rows, B minibatch, L tokens of a sample, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from esper.layers.algorithm import StackedAlgorithm
from esper.layers.rows import normal_rows

_STANDARD_DEVIATION = 0.02


class StackedEmbedding(nn.Module):
    """R tables of learned vectors: per row, one vector for each token, [V, D], and one for each position, [L, D].

    Each row is drawn by its own generator from a normal distribution of standard deviation 0.02, as in GPT-2, so that a
    head that is tied to the tokens begins near a uniform guess.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        width: int,
        *,
        generators: Sequence[torch.Generator],
        algorithm: StackedAlgorithm,
    ) -> None:
        super().__init__()
        self.algorithm: StackedAlgorithm = algorithm
        self.tokens = normal_rows((vocabulary, width), _STANDARD_DEVIATION, generators)
        self.positions = normal_rows((context, width), _STANDARD_DEVIATION, generators)

    def forward(self, ids_rbl: Tensor) -> Tensor:
        """From token numbers [R, B, L], with L at most the context, to features [R, B, L, D]."""
        positions = self.positions[:, : ids_rbl.shape[2]]
        if self.algorithm == "loop":
            rows = zip(ids_rbl.unbind(0), self.tokens.unbind(0), positions.unbind(0), strict=True)
            return torch.stack([F.embedding(ids, table) + place for ids, table, place in rows])
        rows, vocabulary, _ = self.tokens.shape
        first = torch.arange(rows, device=ids_rbl.device) * vocabulary
        found = F.embedding(ids_rbl + first[:, None, None], self.tokens.flatten(0, 1))
        return found + positions[:, None]
