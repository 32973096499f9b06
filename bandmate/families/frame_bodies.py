"""What hears a piano roll frame by frame: a recurrent network, or convolutions that look back only.

LSTM (Hochreiter and Schmidhuber 1997, DOI 10.1162/neco.1997.9.8.1735), GRU (Cho et al. 2014, arXiv 1406.1078), and the temporal
convolutional network of Bai, Kolter and Koltun (2018, arXiv 1803.01271): two dilated causal convolutions a level, with
weight normalization, ReLU and dropout, and a way around them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


class Recurrent(nn.Module):
    """An LSTM or a GRU: (B, T, inputs) to (B, T, width)."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], inputs: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.net = kind(inputs, width, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Hear frames one after another."""
        return self.net(x)[0]


class Convolutions(nn.Module):
    """Levels of convolutions, each looking twice as far back as the one before: (B, T, inputs) to (B, T, width)."""

    def __init__(self, inputs: int, width: int, levels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Level(inputs if level == 0 else width, width, kernel, 2 ** level, dropout)
                                    for level in range(levels))

    def forward(self, x: Tensor) -> Tensor:
        """Hear all frames at once, each with those before it."""
        x = x.transpose(1, 2)
        for level in self.levels:
            x = level(x)
        return x.transpose(1, 2)


class Level(nn.Module):
    """Two causal convolutions and a way around them."""

    def __init__(self, inputs: int, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach, self.dropout = (kernel - 1) * dilation, nn.Dropout(dropout)
        self.first = weight_norm(nn.Conv1d(inputs, width, kernel, dilation=dilation))
        self.second = weight_norm(nn.Conv1d(width, width, kernel, dilation=dilation))
        self.around = nn.Conv1d(inputs, width, 1) if inputs != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, inputs, T) to (B, width, T)."""
        y = x
        for convolution in (self.first, self.second):
            y = self.dropout(torch.relu(convolution(F.pad(y, (self.reach, 0)))))
        return torch.relu(y + self.around(x))
