"""Tables whose rows have parts in common: all piano notes share the piano, all Cs the C, whoever plays them.

A factored embedding, as in language models that know words by their features (Alexandrescu and Kirchhoff, 2006).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize


class Shared(nn.Module):
    """Lets the rows of a table, one an id, have parts in common, so that what is learnt of one C is learnt of all."""

    parts: Tensor

    def __init__(self, parts: Tensor, width: int) -> None:
        super().__init__()
        self.register_buffer("parts", parts, persistent=False)
        self.table = nn.Parameter(torch.randn(int(parts.max()) + 1, width) * 0.02)

    def forward(self, own: Tensor) -> Tensor:
        """Return each row (V, width) with its parts added."""
        return own + F.embedding_bag(self.parts, self.table, mode="sum")


def share(layer: nn.Embedding | nn.Linear, parts: np.ndarray | None) -> None:
    """Let the weights of a layer with one row an id share ``parts`` (V, K)."""
    if parts is not None:
        parametrize.register_parametrization(layer, "weight", Shared(torch.from_numpy(parts), layer.weight.shape[1]))
