"""Recurrent networks, and the rhythm that may come from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from music_made_here import band, choir, table

from bandmate import checkpoint, sampling
from bandmate.checkpoint import Card
from bandmate.codecs import make_codec
from bandmate.codecs.codec import Codec
from bandmate.codecs.learnt import with_words_of
from bandmate.families import FAMILIES
from bandmate.families.cells import gru_cell, lstm_cell
from bandmate.families.gru import Gru
from bandmate.families.lstm import Lstm
from bandmate.families.recurrent import Recurrent
from bandmate.families.rhythm_net import RhythmNet
from bandmate.model import Model
from bandmate.music.rhythm import Euclid
from bandmate.settings import UserError

KINDS: dict[str, type[Recurrent]] = {"lstm": Lstm, "gru": Gru, "rhythm_net": RhythmNet}
SHAPE = {"width": 24, "layers": 2, "embedding": 16, "dropout": 0.0}
FAITHFUL = {**SHAPE, "dense": 12, "tied": False}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in KINDS.items():
        monkeypatch.setitem(FAMILIES, name, kind)


@dataclass(frozen=True)
class Tiny:
    """A network, small enough for a test."""

    family: str
    codec: str
    config: dict[str, Any] = field(default_factory=lambda: SHAPE)

    def make(self) -> Recurrent:
        torch.manual_seed(0)
        kind = KINDS[self.family]
        return kind(kind.Config(**self.config), codec_of(self.codec)).eval()


TINY = [Tiny("lstm", "notewise"), Tiny("lstm", "names"), Tiny("lstm", "names", {**FAITHFUL, "numbers": True}),
        Tiny("lstm", "names:rhythm=joint", {**FAITHFUL, "numbers": True}), Tiny("lstm", "bars"), Tiny("gru", "intervals"),
        Tiny("gru", "names:rhythm=joint"), Tiny("gru", "chordwise", FAITHFUL), Tiny("rhythm_net", "names:rhythm=joint")]
COMPOSERS = [tiny for tiny in TINY if tiny.family != "rhythm_net"]


def name_of(tiny: Tiny) -> str:
    return " ".join([tiny.family, tiny.codec, *(word for word in ("numbers", "dense") if tiny.config.get(word))])


each_network = pytest.mark.parametrize("tiny", TINY, ids=name_of)
each_composer = pytest.mark.parametrize("tiny", COMPOSERS, ids=name_of)


def codec_of(text: str) -> Codec:
    return with_words_of(make_codec(text), [band(4), choir()])


def batch_of(model: Model) -> dict[str, torch.Tensor]:
    ids = model.codec.encode(band(4)).astype(np.int64)[:60]
    shorter = np.full_like(ids, model.codec.pad)
    shorter[:len(ids) // 2] = ids[:len(ids) // 2]
    given = np.stack([model.codec.given(ids)] * 2)
    return {"ids": torch.from_numpy(np.stack([ids, shorter])), "given": torch.from_numpy(given)}


@each_network
def test_losses_are_finite_and_reach_every_weight(tiny: Tiny) -> None:
    model = tiny.make()
    losses = model.losses(batch_of(model))
    losses["loss"].backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]


@each_network
def test_one_batch_is_learnt_by_heart(tiny: Tiny) -> None:
    model = tiny.make()
    batch, [optimizer] = batch_of(model), model.optimizers(1e-2)
    first = model.losses(batch)["loss"].item()
    for _ in range(150):
        last = model.step(batch, [optimizer], lambda loss: loss.backward())["loss"].item()
    assert last < 0.5 * first


@each_network
def test_padding_and_what_comes_later_do_not_count(tiny: Tiny) -> None:
    model = tiny.make()
    batch = batch_of(model)
    wider = {"ids": torch.nn.functional.pad(batch["ids"], (0, 0, 0, 7), value=model.codec.pad),
             "given": torch.nn.functional.pad(batch["given"], (0, 7), value=True)}
    for one, other in zip(model.score(batch).values(), model.score(wider).values(), strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-4)
    cut = {name: part[:, :10] for name, part in batch.items()}
    assert torch.allclose(model.nats(batch)[0][:, :9], model.nats(cut)[0], atol=1e-5)


@each_network
def test_the_same_seed_writes_the_same_piece_also_after_saving(tiny: Tiny, tmp_path) -> None:
    model = tiny.make()
    options = model.Options(bars=2, tempo=90, variants=2, seed=5)
    first = model.generate(options)
    assert len(first) == 2
    assert [table(piece) for piece in first] == [table(piece) for piece in model.generate(options)]
    assert [table(piece) for piece in first] != [table(piece) for piece in model.generate(options.replace(seed=7))]
    checkpoint.save(model, tmp_path / "m.safetensors", Card(family=tiny.family))
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert [table(piece) for piece in first] == [table(piece) for piece in again.generate(options)]


@each_composer
def test_what_was_asked_for_plays(tiny: Tiny) -> None:
    model = tiny.make()
    seen: list[float] = []
    [piece] = model.generate(model.Options(bars=3, instruments=["flute"], metre="3/4", tempo=100, key="C major", seed=1),
                             progress=lambda share, so_far: seen.append(share))
    assert [(track.is_drum, track.program) for track in piece.tracks] == [(False, 73)]
    assert 0 < piece.end() <= 3 * 3 * piece.ticks_per_quarter
    assert {note.pitch % 12 for track in piece.tracks for note in track.notes} <= {0, 2, 4, 5, 7, 9, 11}
    assert piece.tempos[0].qpm == pytest.approx(100)
    assert seen == sorted(seen)
    assert seen[-1] == 1


@each_composer
def test_what_is_given_stays_when_it_goes_on(tiny: Tiny) -> None:
    model = tiny.make()
    given = band(2)
    [piece] = model.generate(model.Options(task="continue", bars=2, instruments=["piano"], seed=2), prompt=given)
    end = 2 * 4 * given.ticks_per_quarter
    assert [note for note in table(piece) if note[0] < end] == table(given)
    assert any(note[0] >= end for note in table(piece))
    with pytest.raises(UserError, match="there is no piece to continue; give a prompt"):
        model.generate(model.Options(task="continue"))


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
    model = Tiny("lstm", "names", {**SHAPE, "context": 8}).make()
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
    model = Tiny("lstm", "names").make()
    sums = model.score(batch_of(model))
    events = sums["count.word"].item()
    assert sums["notes"].item() > events  # chords have several


def test_the_network_learns_all_fields_of_a_row_from_those_before() -> None:
    model = Tiny("gru", "names:rhythm=joint").make()
    row = batch_of(model)["ids"][0, 3:5].clone()
    heard = torch.randn(2, SHAPE["width"])
    for number in range(3):
        judged = model.judge(number, heard, row)
        later, before = row.clone(), row.clone()
        later[:, number:] = 1
        before[:, :number] = 5
        assert torch.equal(judged, model.judge(number, heard, later))
        assert torch.equal(judged, model.judge(number, heard, before)) == (number == 0)


@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_sizes_can_be_built(family: str) -> None:
    kind = KINDS[family]
    for name, size in kind.SIZES.items():
        with torch.device("meta"):
            model = kind(kind.Config(**size.config), codec_of(size.codec or kind.Codec.name))
        assert model.config.layers == {"skuli": 3, "maia": 2, "nextnote": 1}.get(name, model.config.layers)
    with pytest.raises(UserError, match="switch tied or numbers off"):
        Tiny(family, "names", {"numbers": True}).make()


def test_optimizers_of_the_old_systems() -> None:
    for name, kind in (("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        [optimizer] = Tiny("lstm", "notewise", {**SHAPE, "optimizer": name}).make().optimizers(0.5)
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


# Rhythm from elsewhere

def starts(piece) -> list[float]:
    return sorted({note[0] / piece.ticks_per_quarter for note in table(piece)})


@pytest.mark.parametrize("codec", ["names", "intervals"])
def test_pitches_play_in_any_rhythm(codec: str) -> None:
    model = Tiny("gru", codec).make()
    even = model.generate(model.Options(bars=2, seed=3))[0]
    assert starts(even) == [n / 2 for n in range(16)]
    tresillo = model.generate(model.Options(bars=2, seed=3, rhythm="euclid", pattern="tresillo"))[0]
    assert starts(tresillo) == Euclid(onsets=3, places=8).slots(8)[:, 0].tolist()
    for rhythm in ("euclid", "random"):
        piece, again, other = (starts(model.generate(model.Options(bars=4, seed=seed, rhythm=rhythm))[0]) for seed in (3, 3, 4))
        assert piece == again
        assert piece != other


def test_a_learnt_rhythm_is_beaten_by_the_network() -> None:
    model, net = Tiny("lstm", "names").make(), Tiny("rhythm_net", "names:rhythm=joint").make()
    assert isinstance(net, RhythmNet)
    options = model.Options(bars=2, seed=3, rhythm="learnt")
    with pytest.raises(UserError, match="no model of rhythm is at hand; train one with `bandmate train rhythm_net`"):
        model.generate(options)
    model.rhythm = net.slots
    slots = net.slots(8, seed=3)
    assert starts(model.generate(options)[0]) == pytest.approx(slots[:, 0].tolist(), abs=1e-3)
    assert (slots[:, 0] + slots[:, 1]).max() <= 8
    assert slots.tolist() != net.slots(8, seed=4).tolist()


def test_rhythms_that_cannot_be() -> None:
    for codec in ("notewise", "names:rhythm=joint"):
        model = Tiny("lstm", codec).make()
        assert model.generate(model.Options(bars=1, rhythm="joint"))[0].note_num()
        with pytest.raises(UserError, match="writes its own rhythm with the notes, so the rhythm 'euclid' has no place"):
            model.generate(model.Options(bars=1, rhythm="euclid"))
    model = Tiny("lstm", "names").make()
    with pytest.raises(UserError, match="learnt pitches alone; for rhythm of its own, prepare music with --codec names:rhythm"):
        model.generate(model.Options(bars=1, rhythm="joint"))
    with pytest.raises(UserError, match="is one of Euclid's, but the rhythm is 'random'"):
        model.Options(rhythm="random", pattern="5/8")
    with pytest.raises(UserError, match="ask for the rhythm 'learnt', or leave the model of rhythm out"):
        model.Options(rhythm_model="runs/rhythm")
    with pytest.raises(UserError, match="there is no rhythm 'tresilo'"):
        model.Options(rhythm="euclid", pattern="tresilo")


def test_rhythm_net_learns_rhythm_alone() -> None:
    net = Tiny("rhythm_net", "names:rhythm=joint").make()
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
        Tiny("rhythm_net", "names").make()
    net = Tiny("rhythm_net", "names:rhythm=joint").make()
    with pytest.raises(UserError, match="beats rhythms of its own and cannot continue"):
        net.generate(net.Options(task="continue"), prompt=band(1))
    with pytest.raises(UserError, match="knows nothing of keys"):
        net.generate(net.Options(key="C major"))
