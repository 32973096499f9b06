"""Recurrent networks: their memory, their sizes, their cells; and the one that knows rhythm alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from music_made_here import band, table
from tiny_families import NETWORKS, RECURRENT, Tiny, batch_of, codec_of

from bandmate import sampling
from bandmate.families import FAMILIES
from bandmate.families.cells import gru_cell, lstm_cell
from bandmate.settings import UserError

each_network = pytest.mark.parametrize("tiny", NETWORKS, ids=str)
each_composer = pytest.mark.parametrize("tiny", [tiny for tiny in NETWORKS if tiny.family != "rhythm_net"], ids=str)


@each_network
def test_what_comes_later_does_not_count(tiny: Tiny) -> None:
    model = tiny.make()
    batch = batch_of(model)
    cut = {name: part[:, :10] for name, part in batch.items()}
    assert torch.allclose(model.nats(batch)[0][:, :9], model.nats(cut)[0], atol=1e-5)


@each_composer
def test_memory_equals_hearing_all_anew(tiny: Tiny) -> None:
    """Rows heard one by one, or at once behind padding, leave the same memory as :meth:`Recurrent.hear`."""
    model = tiny.make()
    ids = batch_of(model)["ids"][:1, :20]
    with torch.no_grad():
        heard = model.hear(ids)[:, -1]
        padded = torch.nn.functional.pad(ids, (0, 0, 5, 0))
        at_once = model.listen(torch.cat([padded, padded]), torch.tensor([5, 0])).heard
        state = model.listen(ids[:, :12])
        for row in range(12, ids.shape[1]):
            model.next_row(state, _Dictated(ids[0, row]))
    assert torch.allclose(at_once[:1], heard, atol=1e-5)
    assert torch.allclose(state.heard, heard, atol=1e-5)


class _Dictated(sampling.Hand):
    """A hand that writes what it is told."""

    def __init__(self, row: torch.Tensor) -> None:
        self.row, self.again = row, np.ones(1, bool)

    def __call__(self, number: int, logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        self.again = np.zeros(1, bool)
        return self.row[number:number + 1]


def test_a_full_memory_is_emptied_and_the_end_heard_anew() -> None:
    model = Tiny("lstm", "names", {**RECURRENT, "context": 8}).make()
    heard: list[int] = []
    listen = model.listen

    def watch(rows, *rest, **named):
        heard.append(rows.shape[1])
        return listen(rows, *rest, **named)

    model.listen = watch  # type: ignore[method-assign]
    [piece] = model.generate(model.Options(bars=4, seed=1))
    assert heard[0] == 1  # the beginning
    assert len(heard) > 8
    assert set(heard[1:]) == {5}  # two thirds of 8
    assert piece.note_num() >= 4 * 8


def test_nats_are_counted_by_the_note() -> None:
    model = Tiny("lstm", "names", RECURRENT).make()
    sums = model.score(batch_of(model))
    events = sums["count.word"].item()
    assert sums["notes"].item() > events  # chords have several


def test_the_network_learns_all_fields_of_a_row_from_those_before() -> None:
    model = Tiny("gru", "names:rhythm=joint", RECURRENT).make()
    row = batch_of(model)["ids"][0, 3:5].clone()
    heard = torch.randn(2, RECURRENT["width"])
    for number in range(3):
        judged = model.judge(number, heard, row)
        later, before = row.clone(), row.clone()
        later[:, number:] = 1
        before[:, :number] = 5
        assert torch.equal(judged, model.judge(number, heard, later))
        assert torch.equal(judged, model.judge(number, heard, before)) == (number == 0)


@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_sizes_can_be_built(family: str) -> None:
    kind = FAMILIES[family]
    for name, size in kind.SIZES.items():
        with torch.device("meta"):
            model = kind(kind.Config(**size.config), codec_of(size.codec or kind.Codec.name))
        assert model.config.layers == {"skuli": 3, "maia": 2, "nextnote": 1}.get(name, model.config.layers)
    with pytest.raises(UserError, match="switch tied or numbers off"):
        Tiny(family, "names", {"numbers": True}).make()


def test_optimizers_of_the_old_systems() -> None:
    for name, kind in (("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        [optimizer] = Tiny("lstm", "notewise", {**RECURRENT, "optimizer": name}).make().optimizers(0.5)
        assert type(optimizer) is kind
        assert optimizer.param_groups[0]["lr"] == 0.5


# Cells

def test_cells_equal_those_of_torch() -> None:
    torch.manual_seed(1)
    x, h, c = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    lstm, gru = torch.nn.LSTMCell(5, 4), torch.nn.GRUCell(5, 4)
    for ours, theirs in zip(lstm_cell(x, h, c, *lstm.parameters()), lstm(x, (h, c)), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.allclose(gru_cell(x, h, *gru.parameters()), gru(x, h), atol=1e-6)


# Rhythm alone

def test_rhythm_net_learns_rhythm_alone() -> None:
    net = Tiny("rhythm_net", "names:rhythm=joint", RECURRENT).make()
    batch = batch_of(net)
    other = {**batch, "ids": batch["ids"].clone()}
    music = other["ids"][..., 0] >= net.codec.first
    other["ids"][..., 0][music] = net.codec.first
    assert net.nats(batch)[0].tolist() == net.nats(other)[0].tolist()  # whatever is played
    assert {"wait", "length", "loss"} == set(net.losses(batch))
    assert net.nats(batch)[0][..., 0].abs().sum() == 0
    [piece] = net.generate(net.Options(bars=2, seed=1))
    assert {note[2] for note in table(piece)} == {60}


def test_rhythm_net_says_what_it_cannot_do() -> None:
    with pytest.raises(UserError, match="written as 'names' does not say so row by row; prepare it with --codec names:rhythm"):
        Tiny("rhythm_net", "names", RECURRENT).make()
    net = Tiny("rhythm_net", "names:rhythm=joint", RECURRENT).make()
    with pytest.raises(UserError, match="beats rhythms of its own and cannot continue"):
        net.generate(net.Options(task="continue"), prompt=band(1))
    with pytest.raises(UserError, match="knows nothing of keys"):
        net.generate(net.Options(key="C major"))
