"""Recurrent layers of the family `style_vae`: GRUs, or LSTMs whose sums are normed, as plain code.

A state is one row of numbers (B, S), so that what starts a decoder need not know of which cells that is made. Layer
normalization: Ba et al. 2016, arXiv 1607.06450.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Cell = Literal["gru", "lstm"]
KEPT = 1.0  # bias of the gate that keeps: at first, cells remember


class Layers(nn.Module):
    """Layers of cells, one upon another, that read in one direction or in both."""

    def __init__(self, cell: Cell, inputs: int, width: int, layers: int, both: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        kind: type[Gru] | type[NormedLstm] = Gru if cell == "gru" else NormedLstm
        self.width, self.layers, self.directions, self.parts = width, layers, 1 + both, kind.parts
        self.dropout = nn.Dropout(dropout)
        self.cells = nn.ModuleList(kind(inputs if layer == 0 else width * self.directions, width)
                                   for layer in range(layers) for _ in range(self.directions))

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return len(self.cells) * self.parts * self.width

    def forward(self, x: Tensor, state: Tensor | None = None, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read rows (B, T, inputs), of each only so many as ``lengths`` (B,) says; return what the last layer showed after
        each, (B, T, width x directions), and the state (B, S) after the last."""
        rows, steps, _ = x.shape
        lengths = torch.full((rows,), steps, device=x.device) if lengths is None else lengths.to(x.device)
        times = torch.arange(steps, device=x.device)
        back = torch.where(times < lengths[:, None], lengths[:, None] - 1 - times, times)[..., None]  # and forth again
        states = (x.new_zeros(rows, self.size) if state is None else state).view(rows, len(self.cells), self.parts, self.width)
        last = []
        for layer in range(self.layers):
            if layer:
                x = self.dropout(x)
            shown = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                heard = x.gather(1, back.expand_as(x)) if direction else x
                out, end = self.cells[number](heard, states[:, number], lengths)
                shown.append(out.gather(1, back.expand_as(out)) if direction else out)
                last.append(end)
            x = torch.cat(shown, -1)
        return x, torch.stack(last, 1).flatten(1)


class Gru(nn.GRU):
    """One layer of gated recurrent units (Cho et al. 2014, arXiv 1406.1078)."""

    parts = 1

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width, batch_first=True)

    def forward(self, x: Tensor, state: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Read rows (B, T, inputs) from a state (B, 1, width) on; return what was shown after each, and the state after so
        many of each as ``lengths`` (B,) says."""
        shown, _ = super().forward(x, state.transpose(0, 1).contiguous())
        return shown, shown[torch.arange(len(x), device=x.device), lengths - 1, None]


class NormedLstm(nn.Module):
    """One layer of LSTM cells: the sums that open the gates are normed, and so is what is shown."""

    parts = 2

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.heard = nn.Linear(inputs, 4 * width, bias=False)
        self.past = nn.Linear(width, 4 * width, bias=False)
        nn.init.orthogonal_(self.past.weight)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(5))
        nn.init.constant_(self.norms[1].bias, KEPT)  # type: ignore[arg-type]

    def forward(self, x: Tensor, state: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read rows (B, T, inputs) from a state (B, 2, width) on; return what was shown after each, and the state after so
        many of each as ``lengths`` (B,) says."""
        heard, shown = self.heard(x), []
        h, c = state.unbind(1)
        for step in range(x.shape[1]):
            sums = (heard[:, step] + self.past(h)).chunk(4, -1)
            take, keep, new, show = (norm(one) for norm, one in zip(self.norms, sums, strict=False))
            cells = keep.sigmoid() * c + take.sigmoid() * new.tanh()
            there = (lengths > step)[:, None]
            h = torch.where(there, show.sigmoid() * self.norms[4](cells).tanh(), h)
            c = torch.where(there, cells, c)
            shown.append(h)
        return torch.stack(shown, 1), torch.stack([h, c], 1)
