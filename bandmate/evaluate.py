"""The examination: how surprised is a model by music that it has never seen?

The one number by which we compare models is *nats per note*: the negative log-likelihood of whole held-out pieces,
bar lines and endings included, divided by their notes. It does not depend on how a codec cuts music into ids, so
models with different codecs can be compared. Beside it stands, for each field of the codec, how often the likeliest
id was the right one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from bandmate.model import Model
from bandmate.settings import Settings


class Scores(Settings):
    """What a model scored on held-out pieces."""

    nats_per_note: float | None = None
    """Mean surprise a note, in nats; lower is better. None for a family without a likelihood, or without notes."""
    notes: int = 0
    """Notes that were scored."""
    accuracy: dict[str, float] = {}
    """Share of right first guesses, 0 to 1, for each field of the codec."""


def held_out(model: Model, pages: Iterable[Mapping[str, Any]]) -> Scores:
    """Score a model on batches of held-out windows (numpy or torch: ids (B, T, F), given (B, T))."""
    return scores(model, sums(model, pages))


def sums(model: Model, pages: Iterable[Mapping[str, Any]]) -> Tensor:
    """Return the sums of :meth:`Model.score` over all pages in one float64 vector on the CPU, zeros where there are none.

    The order is that of :func:`names`, so that the vectors of several processes can be added.
    """
    total = torch.zeros(len(names(model)), dtype=torch.float64)
    device = next((weight.device for weight in model.parameters()), torch.device("cpu"))
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for page in pages:
                part = model.score({name: torch.as_tensor(array).to(device) for name, array in page.items()})
                total += torch.stack([torch.as_tensor(part.get(name, 0.0)).cpu().double() for name in names(model)])
    except NotImplementedError:
        total.zero_()  # this family has no likelihood
    finally:
        model.train(was_training)
    return total


def names(model: Model) -> list[str]:
    """Return the names of the sums that a score is made of."""
    return ["nats", "notes", *(f"{kind}.{field}" for field in model.codec.fields for kind in ("hits", "count"))]


def scores(model: Model, total: Tensor) -> Scores:
    """Turn the vector of :func:`sums` into scores."""
    value = dict(zip(names(model), total.tolist(), strict=True))
    if not value["notes"]:
        return Scores()
    accuracy = {field: value[f"hits.{field}"] / value[f"count.{field}"]
                for field in model.codec.fields if value[f"count.{field}"]}
    return Scores(nats_per_note=value["nats"] / value["notes"], notes=int(value["notes"]), accuracy=accuracy)
