"""The family `style_vae`: content and style of four bars, each in a latent of its own."""

import math

import numpy as np
import pytest
import torch
from music_made_here import band, check_answer, table
from torch.nn.utils.rnn import pack_padded_sequence
from two_styles import BATCH, CHORALE, CODEC, REEL, batch_of, chorale, make, taught

from bandmate import checkpoint, sampling
from bandmate.checkpoint import Card
from bandmate.codecs.onsets import Onsets, OnsetsConfig
from bandmate.families import style_vae_parts as parts
from bandmate.families.style_vae import StyleVae
from bandmate.families.style_vae_cells import Layers
from bandmate.families.style_vae_writer import Writer
from bandmate.families.vae_part import divergence
from bandmate.music.files import write
from bandmate.piece import Piece
from bandmate.settings import UserError


@pytest.fixture(scope="module")
def learnt() -> StyleVae:
    return taught()


@pytest.mark.parametrize("config", [
    {}, {"cell": "lstm", "layers": 1}, {"condition": "label", "layers": 1},
    {"joined": False, "chained": False, "clock": False, "straight": False, "per": "latent", "layers": 1}], ids=str)
def test_losses_reach_every_weight_and_fall(config):
    model = make(**config).train()
    first = model.losses(BATCH)
    assert set(first) == {"loss", "reconstruction", "kl", "label", "spread", "apart"}
    first["loss"].backward()
    assert not [name for name, weight in model.named_parameters() if weight.requires_grad and weight.grad is None]
    optimizers = model.optimizers(1e-2)
    for _ in range(12):
        last = model.step(BATCH, optimizers, torch.Tensor.backward)
    assert last["loss"] < 0.85 * first["loss"]


def test_what_was_learnt(learnt):
    score = learnt.score(BATCH)
    assert score["notes"] == 8 * 4 + 32
    assert score["count.key"] == 8 * 4 + 32 + 2
    assert score["hits.key"] / score["count.key"] > 0.9
    assert learnt.score(BATCH)["nats"] == score["nats"]
    assert learnt.encode(BATCH["ids"])[2].argmax(-1).tolist() == [0, 1]
    wider = {"ids": torch.nn.functional.pad(BATCH["ids"], (0, 0, 0, 9)), "given": BATCH["given"]}
    for one, other in zip(score.values(), learnt.score(wider).values(), strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-4)


def test_the_score_bounds_the_nats(learnt):
    mean, log, logits = learnt.encode(BATCH["ids"])
    ids, labels = parts.hide(BATCH["ids"], CODEC.first)
    assert labels.tolist() == [0, 1]
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    nats, _ = learnt.nats(ids, learnt.latent(mean + (log / 2).exp() * noise, parts.likeliest(logits)))
    by_hand = 0.5 * (mean ** 2 + log.exp() - log - 1).sum() + 2 * math.log(2)
    assert learnt.score(BATCH)["nats"].item() == pytest.approx((nats.sum() + by_hand).item(), rel=1e-5)


def test_the_encoder_is_not_told_the_style(learnt):
    other = batch_of((CHORALE, "reel"), (REEL, ""))
    assert all((one == two).all() for one, two in zip(learnt.encode(BATCH["ids"]), learnt.encode(other["ids"]), strict=True))
    _, labels = parts.hide(other["ids"], CODEC.first)
    assert labels.tolist() == [1, -1]
    assert torch.isfinite(learnt.losses(batch_of((CHORALE, ""), (REEL, "")))["loss"])


def test_numbers_by_hand():
    assert divergence(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])).tolist()[0] == pytest.approx(
        [0.5, 0.5 * (4 + 4 - math.log(4) - 1)])
    means = torch.tensor([[1.0, 2.0], [3.0, 2.0]])  # squares of the spread: 1, 0, 1, 0
    assert parts.spread(means, 1.3).item() == pytest.approx(0.8)
    assert parts.spread(torch.ones(3, 4), 1.3).item() == pytest.approx(1.3)
    assert parts.spread(5 * means, 1.3).item() == 0
    contents = torch.tensor([[0.0], [2.0], [4.0], [6.0], [99.0]])  # of 20, 16 lie between two styles; of the squares nothing
    assert parts.apart(contents, torch.tensor([0, 0, 1, 1, -1])).item() == pytest.approx(0.4 - 1 / 3)
    assert parts.apart(contents, torch.tensor([0, 1, 1, 0, -1])).item() == pytest.approx(0.5 - 1 / 3)  # the squares alone
    assert parts.apart(contents, torch.tensor([0, 1, 0, 1, -1])).item() == 0
    assert parts.apart(contents, torch.full((5,), -1)).item() == 0


def test_how_the_kl_term_comes_in():
    original = make(anneal=1800, per="latent")
    assert [original.share(step) for step in (0, 10_000, 15_000)] == pytest.approx([0.001, 0.13, 0.70], abs=0.005)
    assert [make(anneal=100).share(step) for step in (0, 50, 200)] == pytest.approx([0.05, 0.55, 1.0])
    assert make(anneal=0).share(0) == 1


def test_draws_of_a_style():
    torch.manual_seed(0)
    logits = torch.randn(50, 4)
    soft, hard = parts.drawn_style(logits, 0.5, hard=False), parts.drawn_style(logits, 0.5, hard=True)
    assert soft.sum(-1).tolist() == pytest.approx([1.0] * 50, abs=1e-5)
    assert ((soft > 0.01) & (soft < 0.99)).any()
    assert ((hard < 1e-6) | (hard > 1 - 1e-6)).all()
    model = make()
    assert (model.told(logits[:, :2], torch.full((50,), -1)).sort(-1).values == torch.tensor([0.0, 1.0])).all()
    warm = make(tau=0.3, cooling=10)
    assert warm.temperature == 1
    warm.seen += 5
    assert warm.temperature == pytest.approx(0.65)
    assert make(tau=0.02).temperature == pytest.approx(0.02)
    told = make(taught=1.0).train()
    assert told.told(logits[:2, :2], torch.tensor([1, 0])).tolist() == [[0, 1], [1, 0]]
    labelled = make(condition="label").train()
    assert labelled.told(logits[:2, :2], torch.tensor([1, 0])).tolist() == [[0, 1], [1, 0]]


def test_a_mix_is_linear_in_the_codebook(learnt):
    both = learnt.weights_of("chorale:0.6, reel:0.2")
    assert both.tolist() == pytest.approx([0.75, 0.25])
    content = torch.zeros(1, 6)
    one, other, mix = (learnt.latent(content, weights[None]) for weights in (*torch.eye(2), both))
    assert torch.allclose(mix, 0.75 * one + 0.25 * other)
    assert learnt.weights_of("REEL").tolist() == [0, 1]
    assert learnt.weights_of("chor; reel").tolist() == [0.5, 0.5]
    commas = make(Onsets(OnsetsConfig(label="composer", composers=("Bach, Johann Sebastian", "Bach, Anna", "Satie, Erik"))))
    assert commas.weights_of("bach, johann sebastian").tolist() == [1, 0, 0]
    assert commas.weights_of("Johann:3; Satie, Erik:1").tolist() == [0.75, 0, 0.25]
    for text, message in [("polka", "does not know the style 'polka'; known are: chorale, reel"),
                          ("rel", "did you mean 'reel'"), ("chorale:-1", "no share of a style"),
                          ("chorale:0", "names no style"), (",", "names no style")]:
        with pytest.raises(UserError, match=message):
            learnt.weights_of(text)
    with pytest.raises(UserError, match="it may be 'Bach, Johann Sebastian' or 'Bach, Anna'"):
        commas.weights_of("Bach;")


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_layers_read_row_after_row_as_all_at_once_and_stop_where_each_ends(cell):
    torch.manual_seed(0)
    x, lengths = torch.randn(3, 5, 4), torch.tensor([5, 3, 1])
    forth = Layers(cell, 4, 6, 2).eval()
    shown, last = forth(x)
    state = None
    for step in range(5):
        one, state = forth(x[:, step:step + 1], state)
        assert torch.allclose(one[:, 0], shown[:, step], atol=1e-6)
    assert torch.allclose(state, last, atol=1e-6)
    both = Layers(cell, 4, 6, 2, both=True).eval()
    whole, _ = both(x, lengths=lengths)
    for number, length in enumerate(lengths.tolist()):
        alone, _ = both(x[number:number + 1, :length])
        assert torch.allclose(whole[number, :length], alone[0], atol=1e-6)


def test_grus_in_both_directions_are_those_of_torch():
    torch.manual_seed(0)
    ours, theirs = Layers("gru", 4, 6, 2, both=True), torch.nn.GRU(4, 6, 2, batch_first=True, bidirectional=True)
    for cell, suffix in zip(ours.cells, ("l0", "l0_reverse", "l1", "l1_reverse"), strict=True):
        for name, weight in cell.named_parameters():
            weight.data.copy_(getattr(theirs, name.replace("l0", suffix)).data)
    x, lengths = torch.randn(2, 5, 4), torch.tensor([5, 2])
    _, last = theirs(pack_padded_sequence(x, lengths, batch_first=True))
    assert torch.allclose(ours(x, lengths=lengths)[1], last.transpose(0, 1).flatten(1), atol=1e-6)


# Composing


def test_styles_write_different_pieces_and_the_same_after_saving(learnt, tmp_path):
    options = learnt.Options(bars=6, variants=2, seed=5, style="chorale", instruments=("flute",), key="C major", metre="3/4",
                             tempo=90, pitches=("flute:C3-C6",))
    pieces = learnt.generate(options)
    for piece in pieces:
        check_answer(piece, options)
    assert table(pieces[0]) != table(pieces[1])
    assert table(learnt.generate(options.replace(seed=6, variants=1))[0]) == table(pieces[1])
    other, *_ = learnt.generate(options.replace(style="reel"))
    assert table(other) != table(pieces[0])
    checkpoint.save(learnt, tmp_path / "m.safetensors", Card(family="style_vae"))
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [table(piece) for piece in again] == [table(piece) for piece in pieces]


def notes_at_once(pieces: list[Piece]) -> float:
    """Return how many notes begin together, on average."""
    return float(np.mean([len(table(piece)) / len({note[0] for note in table(piece)}) for piece in pieces]))


def test_a_learnt_style_sounds_like_itself(learnt):
    chorales, reels = (learnt.generate(learnt.Options(bars=8, style=style, variants=4, strength=2)) for style in CODEC.labels)
    assert notes_at_once(chorales) > 2 > 1.3 > notes_at_once(reels)


def test_how_strongly_a_style_is_heard(learnt):
    def first(**wish) -> torch.Tensor:
        """Return the logits of the first key."""
        options = learnt.Options(**{"style": "reel", "seed": 2, "bars": 4, **wish})
        seen = []

        class Watching(sampling.Hand):
            def __call__(self, field, logits, chosen):
                seen.append(logits)
                return super().__call__(field, logits, chosen)

        writer = Writer(learnt, options, None)
        with torch.inference_mode():
            writer.next_row(writer.listen(torch.empty(0)), Watching(writer.grammar, sampling.Dice(options, 1)))
        known = torch.arange(len(seen[0][0])) != 3  # 3 and 4 are labels
        known[4] = False
        return seen[0][0][known].log_softmax(-1)

    none, learnt_way, double = (first(strength=strength) for strength in (0, 1, 2))
    assert torch.allclose(first(style="chorale:1,reel:1", strength=1), none, atol=1e-5)
    assert torch.allclose((2 * learnt_way - none).log_softmax(-1), double, atol=1e-4)


def test_content_is_kept_and_told_in_another_style(learnt, tmp_path):
    for name, piece in (("high", chorale(63)), ("low", chorale(57))):
        write(piece, tmp_path / f"{name}.mid")
    high, low = str(tmp_path / "high.mid"), str(tmp_path / "low.mid")
    [own] = learnt.generate(learnt.Options(content=high, temperature=0))
    assert 12 * 480 < own.end() <= 16 * 480  # as many bars as the content has
    assert len({note[:3] for note in table(own)} & {note[:3] for note in table(chorale(63))}) > 24
    [transfer] = learnt.generate(learnt.Options(content=high, style="reel", temperature=0))
    assert notes_at_once([transfer]) < 1.3
    [longer] = learnt.generate(learnt.Options(content=high, style="reel", bars=8))
    assert 16 * 480 < longer.end() <= 32 * 480
    options = learnt.Options(between=f"{high},{low}", bars=12, temperature=0)
    assert options.between == (high, low)
    [way] = learnt.generate(options)
    assert {note[:3] for note in table(way)} & {note[:3] for note in table(own)}
    assert 44 * 480 < way.end() <= 48 * 480
    for wrong in ({"content": "a.mid", "between": "a.mid,b.mid"}, {"between": "a.mid"}):
        with pytest.raises(UserError, match="the content of one MIDI file, or between those of two"):
            learnt.generate(learnt.Options(**wrong))
    with pytest.raises(UserError, match="a piece that goes on has its own content"):
        learnt.generate(learnt.Options(task="continue", content=high), CHORALE)


def test_four_bars_are_repeated_or_change(learnt):
    [same] = learnt.generate(learnt.Options(bars=8, change=0, temperature=0, style="reel", seed=1, strength=1))
    first = [note[:3] for note in table(same) if note[0] < 16 * 480]
    assert [(note[0] - 16 * 480, *note[1:3]) for note in table(same) if note[0] >= 16 * 480][:len(first) // 2] == (
        first[:len(first) // 2])
    still, moved = (learnt.generate(learnt.Options(bars=8, change=change, temperature=0, style="chorale", variants=4))
                    for change in (0, 1))
    assert [*map(table, still)] != [*map(table, moved)]  # of chorales it knows three


def test_it_goes_on_with_a_piece_in_its_style(learnt):
    seen: list[float] = []
    [piece] = learnt.generate(learnt.Options(task="continue", bars=5, seed=1), REEL, lambda share, so_far: seen.append(share))
    assert [note for note in table(piece) if note[0] < 16 * 480] == table(REEL)
    assert 32 * 480 < piece.end() <= 36 * 480
    assert seen == sorted(seen)
    assert seen[-1] == 1
    for wrong, text in [({"task": "infill", "region": "2"}, "cannot infill"), ({"drums": True}, "cannot hold drums"),
                        ({"chords": "C G"}, "cannot hold chords"), ({"composer": "Satie"}, "does not know the style 'Satie'")]:
        with pytest.raises(UserError, match=text):
            learnt.generate(learnt.Options(**wrong), band(2) if "task" in wrong else None)


def test_a_model_that_was_told_no_styles_writes_as_well():
    model = make(Onsets())
    assert model.styles == ("untold",)
    [piece] = model.generate(model.Options(bars=2))
    check_answer(piece, model.Options(bars=2))
    assert model.losses(batch_of((CHORALE, ""), (REEL, "")))["label"] == 0
