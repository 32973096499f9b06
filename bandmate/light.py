"""Light weights: a model's linear layers packed into fewer bits while it composes.

Who writes one row after another reads every weight for every row and computes little with it: with fewer bytes to read it
goes faster. ``half`` keeps weights in 16 bits and multiplies in 32: the same music but for the last digits. ``int8`` keeps
weights and inputs in 8 bits, each row of either with a scale of its own (Dettmers et al. 2022, arXiv 2208.07339, without
their outliers). Both compute each row of a batch by itself, so that a variant is the same alone and among others.

The packed products are those of FBGEMM (Khudia et al. 2021, arXiv 2101.05615); where it is missing, weights stay full.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["full", "half", "int8"]

Multiply = Callable[[nn.Linear, Tensor], Tensor]
"""Applies a linear layer to an input (..., width)."""

LEVELS, MIDDLE = 127, 128  # int8: an input between -1 and 1 becomes 1 to 255


def plain(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply a linear layer as it is."""
    return layer(x)


class Light:
    """The linear layers of a model, without biases, packed as their weights are now."""

    def __init__(self, model: nn.Module, precision: Precision) -> None:
        self.precision = precision
        self.packed = {layer: _pack(layer.weight, precision) for layer in model.modules() if isinstance(layer, nn.Linear)}

    def __call__(self, layer: nn.Linear, x: Tensor) -> Tensor:
        """Apply a layer of the model to an input (..., width)."""
        packed = self.packed[layer]
        if self.precision == "half":
            return torch.ops.quantized.linear_dynamic_fp16(x, packed)
        size = x.abs().amax(-1, keepdim=True).clamp_(min=1e-12)
        multiplied = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(x / size, 1 / LEVELS, MIDDLE, packed)
        return multiplied.mul_(size)


def light(model: nn.Module, precision: Precision) -> Multiply:
    """Return how to apply a model's linear layers at some precision: full where this machine knows no other."""
    on_cpu = all(weight.device.type == "cpu" for weight in model.parameters())
    if precision == "full" or not on_cpu or "fbgemm" not in torch.backends.quantized.supported_engines:
        return plain
    return Light(model, precision)


def _pack(weight: Tensor, precision: Precision) -> torch.ScriptObject:
    weight = weight.detach().float()
    if precision == "half":
        return torch.ops.quantized.linear_prepack_fp16(weight, None)
    scales = weight.abs().amax(1).double().clamp(min=1e-12) / LEVELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rows = torch.quantize_per_channel(weight, scales, torch.zeros_like(scales, dtype=torch.long), 0, torch.qint8)
    engine, torch.backends.quantized.engine = torch.backends.quantized.engine, "fbgemm"
    try:
        return torch.ops.quantized.linear_prepack(rows, None)
    finally:
        torch.backends.quantized.engine = engine
