"""The equations of LSTM and GRU in plain tensor code, for learners; the families use torch's layers, which do the same.

``x`` is what comes in (B, inputs), ``h`` what the layer showed last (B, width), ``c`` what an LSTM's cells hold (B, width).
Weights are those of torch's cells: for each gate one block of rows, applied to the input and to what was shown last.
σ(a) is 1 / (1 + e^-a), between 0 and 1: how far a gate is open.
"""

from __future__ import annotations

from torch import Tensor


def lstm_cell(x: Tensor, h: Tensor, c: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor,
              bias_hh: Tensor) -> tuple[Tensor, Tensor]:
    """Return what an LSTM shows and what its cells hold after one step: two tensors (B, width).

    Weights are (4 * width, inputs) and (4 * width, width); Hochreiter and Schmidhuber 1997, the forget gate after Gers et
    al. 2000 (DOI 10.1162/089976600300015015).
    """
    take, keep, new, show = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=1)
    i = take.sigmoid()  # input gate: how much of what is new goes in
    f = keep.sigmoid()  # forget gate: how much of what was held stays
    g = new.tanh()      # candidate: what is new
    o = show.sigmoid()  # output gate: how much is shown
    c = f * c + i * g
    return o * c.tanh(), c


def gru_cell(x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """Return what a GRU shows after one step: (B, width).

    Weights are (3 * width, inputs) and (3 * width, width); Cho et al. 2014, in the form of torch, where the reset gate acts
    after the multiplication.
    """
    reset_in, update_in, new_in = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    reset_past, update_past, new_past = (h @ weight_hh.T + bias_hh).chunk(3, dim=1)
    r = (reset_in + reset_past).sigmoid()    # reset gate: how much of the past the candidate sees
    z = (update_in + update_past).sigmoid()  # update gate: how much of the past stays
    n = (new_in + r * new_past).tanh()       # candidate: what is new
    return (1 - z) * n + z * h
