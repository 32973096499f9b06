"""The transformer hears only the past, and remembers exactly what it would hear anew."""

from __future__ import annotations

import pytest
import torch

from bandmate.codecs.bars import Bars
from bandmate.families.bands import Bands, BandsConfig
from bandmate.light import light

SHAPE = {"width": 32, "layers": 2, "heads": 2, "head_width": 16, "hidden": 48, "context": 48}


@pytest.fixture(params=["steps", "stream"])
def model(request) -> Bands:
    torch.manual_seed(0)
    model = Bands(BandsConfig(**SHAPE, form=request.param), Bars()).eval()
    for weight in model.parameters():  # larger than at the start of learning, so that differences would show
        weight.data.mul_(5)
    return model


def rows(model: Bands, count: int = 20) -> torch.Tensor:
    return torch.stack([torch.randint(1, size, (2, count)) for size in model.codec.sizes], dim=-1)


def tokens(model: Bands, ids: torch.Tensor) -> torch.Tensor:
    return model.flatten(ids) if model.stream else ids


@torch.no_grad()
def test_what_comes_later_changes_nothing_before(model) -> None:
    ids = rows(model)
    other = ids.clone()
    other[:, 12:] = rows(model)[:, 12:]
    cut = 12 * model.tokens_a_row
    one, two = model.hear(tokens(model, ids)), model.hear(tokens(model, other))
    torch.testing.assert_close(one[:, :cut], two[:, :cut])
    assert not torch.allclose(one[:, cut:], two[:, cut:])


@torch.no_grad()
def test_a_field_hears_those_before_it_and_not_itself(model) -> None:
    ids = rows(model)
    batch = {"ids": ids, "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}
    other = ids.clone()
    other[:, -1, 2] = 1 + other[:, -1, 2] % (model.codec.sizes[2] - 1)
    one, two = model.nats(batch)[0], model.nats({**batch, "ids": other})[0]
    torch.testing.assert_close(one[:, -1, :2], two[:, -1, :2])
    other = ids.clone()
    other[:, -1, 0] = 1 + other[:, -1, 0] % (model.codec.sizes[0] - 1)
    assert not torch.allclose(one[:, -1, 1:], model.nats({**batch, "ids": other})[0][:, -1, 1:])


@torch.no_grad()
def test_remembering_equals_hearing_anew(model) -> None:
    stream = tokens(model, rows(model))
    anew = model.hear(stream)
    first = 5 * model.tokens_a_row
    state = model.listen(rows(model)[:, :1])  # any, to be replaced
    state = model.listen(_unflatten(model, stream[:, :first]))
    torch.testing.assert_close(state.heard, anew[:, first - 1], atol=1e-4, rtol=1e-4)
    for place in range(first, stream.shape[1]):
        heard = model.remember(stream[:, place:place + 1], state)[:, -1]
        torch.testing.assert_close(heard, anew[:, place], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_streams_that_begin_later_hear_nothing_before(model) -> None:
    ids = rows(model)
    padded = torch.cat([torch.zeros(2, 4, 3, dtype=torch.long), ids[:, :10]], dim=1)
    padded[1, :] = torch.cat([ids[1, :14]])
    state = model.listen(padded, torch.tensor([4, 0]))
    alone = model.listen(ids[:1, :10]), model.listen(ids[1:, :14])
    for row in range(2):
        torch.testing.assert_close(state.heard[row], alone[row].heard[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("precision", "close"), [("half", 1e-2), ("int8", 0.3)])
@torch.no_grad()
def test_light_weights_compute_nearly_the_same(model, precision, close) -> None:
    x = torch.randn(3, SHAPE["width"])
    full, packed = model.heads[0](x), model.heads[0](x, light(model, precision))
    assert (full - packed).abs().max() < close * full.abs().max()


def test_ids_share_what_their_parts_have_learnt() -> None:
    model = Bands(BandsConfig(**SHAPE), Bars())
    piano_c4, piano_c5, drums_60 = 1 + 60, 1 + 72, 1 + 16 * 128 + 60
    before = model.embeddings[1].weight.detach().clone()
    model.embeddings[1].weight[piano_c4].sum().backward()
    for weight in model.embeddings[1].parameters():
        weight.data.add_(weight.grad)
    moved = (model.embeddings[1].weight - before).abs().sum(1)
    assert moved[piano_c4] > moved[piano_c5] > 0
    assert moved[drums_60] == 0


def _unflatten(model: Bands, stream: torch.Tensor) -> torch.Tensor:
    return stream.unflatten(1, (-1, 3)).squeeze(-1) - model.field_starts if model.stream else stream
