"""The family `vae`: what its latents hold, where they go, and whose manner they take."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from music_made_here import band, check_answer, piece_of, table

from bandmate import checkpoint
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.families import roll_blocks, vae_manner
from bandmate.families.vae import Vae
from bandmate.families.vae_bank import Bank, cut
from bandmate.music.files import write
from bandmate.music.grid import PROGRAM, note_table
from bandmate.settings import UserError

TINY = {"latent": 8, "width": 4, "network": 16, "bank": 16, "anneal": 10}
LOSSES = ("keys", "brightness")
each_loss = pytest.mark.parametrize("loss", LOSSES)
LABELS = [{"title": f"Song {n}", "composer": ("Bach, Johann Sebastian", "Wolf, Jan")[n % 2], "style": ("folk", "jazz")[n % 2],
           "era": "baroque", "source": "here", "licence": "CC0"} for n in range(4)]


def music(semitones: int = 0, bars: int = 4) -> np.ndarray:
    return c.transpose(Roll().encode(band(bars)), semitones)


def prepared() -> SimpleNamespace:
    """Return four pieces as if they had been prepared."""
    return SimpleNamespace(pieces=[{"split": "train", "index": str(n), **label} for n, label in enumerate(LABELS)],
                           piece=lambda split, index: music(index))


def make(loss: str = "keys", **config) -> Vae:
    torch.manual_seed(0)
    model = Vae(Vae.Config(**{**TINY, "loss": loss, **config}), Roll()).eval()
    model.meet(prepared())
    return model


def batch(*pieces: np.ndarray) -> dict[str, torch.Tensor]:
    longest = max(map(len, pieces))
    ids = np.stack([np.pad(piece, ((0, longest - len(piece)), (0, 0))) for piece in pieces]).astype(np.int64)
    return {"ids": torch.from_numpy(ids), "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}


def blocks(*pieces: np.ndarray) -> torch.Tensor:
    return roll_blocks.blocks_of(batch(*pieces)["ids"])[0].flatten(0, 1)


def loud(**config) -> Vae:
    """Return a model that has learnt nothing, yet hears and says something else for everything."""
    model = make(**config)
    with torch.no_grad():
        for part in model.parts:
            part.decoder[-1].bias += 3.1  # near the threshold
            part.spread.weight *= 5
    return model


@pytest.fixture(scope="module")
def learnt() -> Vae:
    """A model that knows two pieces of one block well."""
    model = make(dropout=0.0, width=8, kl_weight=0.01).train()
    one, [optimizer] = batch(music(0), music(3)), model.optimizers(2e-2)
    for _ in range(70):
        model.step(one, [optimizer], torch.Tensor.backward)
    return model.eval()


# Learning


@each_loss
def test_losses_reach_every_weight_and_one_batch_is_learnt(loss):
    model = make(loss, dropout=0.0).train()
    one, [optimizer] = batch(music(), music(2, 6)), model.optimizers(1e-2)
    first = model.losses(one)
    first["loss"].backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    for _ in range(25):
        last = model.step(one, [optimizer], torch.Tensor.backward)
    assert last["loss"] < first["loss"] - 0.25 * first["loss"].abs()
    assert model.seen == 25


def test_padding_and_neighbours_do_not_change_a_score():
    model = make()
    model.parts.requires_grad_(False)
    for part in model.parts:  # no noise, which depends on who is in the batch
        part.spread.weight.zero_()
        part.spread.bias.zero_()
        part.decoder[0].weight.zero_()
    pieces = [music(0, 6), music(4, 2)]
    together, apart = model.score(batch(*pieces)), [model.score(batch(piece)) for piece in pieces]
    for name in ("nats", "notes"):
        assert float(together[name]) == pytest.approx(sum(float(one[name]) for one in apart), rel=1e-4)
    assert float(apart[0]["notes"]) == len(note_table(band(6)))
    with pytest.raises(NotImplementedError, match="no likelihood"):
        make("brightness").score(batch(music()))


def test_it_learns_to_rebuild_what_it_sees(learnt):
    known = blocks(music(0), music(3))
    sounds = learnt.decode(learnt.latents(known), 0.1)[0]
    true = known >= c.ONSET
    assert (sounds & true).sum() > 0.8 * true.sum()
    assert (sounds & true).sum() > 0.5 * sounds.sum()


# The bank


def test_the_bank_keeps_blocks_and_labels_also_in_a_file(tmp_path):
    model = make()
    assert len(model.bank) == 4
    assert (model.bank.ids()[:1] == blocks(music(0))).all()
    assert model.bank.by("composer", "bach").nonzero()[:, 0].tolist() == [0, 2]
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors")
    assert again.bank.labels() == LABELS
    assert (again.bank.ids() == model.bank.ids()).all()
    other = make(bank=0)
    other.start_from(model)
    assert len(other.bank) == 4
    with pytest.raises(UserError, match="no music with the style 'polka'"):
        model.bank.by("style", "polka")
    assert len(Bank()) == 0
    assert Bank().ids().shape == (0, 5, 32, 128)


def test_silent_blocks_are_not_kept():
    gap = np.concatenate([music(0, 4), np.full((32, c.CELLS), c.OFF), music(0, 2)])
    assert len(cut(gap)) == 2


# Whose manner


def test_alpha_0_leaves_latents_and_1_gives_those_drawn_each_part_for_itself():
    latents, source = torch.randn(3, 5, 8), [torch.randn(6, 8) for _ in range(5)]

    def mixed(alpha: float) -> torch.Tensor:
        return vae_manner.mix(latents, source, alpha, [np.random.default_rng(n) for n in range(3)])

    assert torch.equal(mixed(0), latents)
    drawn = mixed(1)
    places = [[(source[part] == drawn[row, part]).all(-1).nonzero()[:, 0].tolist() for part in range(5)] for row in range(3)]
    assert all(len(place) == 1 for row in places for place in row)
    assert len({place[0] for place in places[0]}) > 1, "drawn for each part"
    assert torch.allclose(mixed(0.25), 0.25 * drawn + 0.75 * latents)


def test_a_source_has_each_latent_once_and_silence_at_most_once():
    model, known = make(), blocks(music(), music(), music(1))
    source = vae_manner.unique(known, model.latents(known))
    assert [len(one) for one in source] == [2, 1, 2, 2, 1]
    assert len(source[1]) == 1, "the guitar never plays"


def test_alpha_0_writes_what_is_written_without_a_manner_and_1_something_else(tmp_path):
    model = loud()
    write(piece_of({0: [(n, 1, 40 + n % 5, 90) for n in range(16)]}), tmp_path / "low.mid")
    wish = model.Options(bars=4, seed=1, noise_sd=0, like=(str(tmp_path / "low.mid"),))
    plain = table(model.generate(wish.replace(like=()))[0])
    assert table(model.generate(wish.replace(alpha=0))[0]) == plain
    assert table(model.generate(wish.replace(alpha=1))[0]) != plain
    by_label = model.generate(wish.replace(like=(), style="jazz", composer="bach", song="Song 2; Song 3", alpha=1))
    assert table(by_label[0]) != plain


def test_attributes_are_measured_by_hand():
    measured = vae_manner.measured(blocks(music()))
    assert measured["density"][0].tolist() == [24, 0, 16, 32, 16]
    assert measured["busyness"][0].tolist() == [8, 0, 16, 32, 16]
    assert measured["polyphony"][0].tolist() == [3, 0, 1, 1, 1]
    assert measured["tessitura"][0, 3] == pytest.approx(72 + 29 / 8)


def test_attributes_point_where_there_is_more_of_them():
    kept = blocks(*(music(n) for n in range(12)))
    latents = torch.zeros(12, 5, 3)
    latents[:, :, 1] = torch.arange(12)[:, None]  # the higher, the more
    up = vae_manner.direction(kept, latents, "tessitura")
    assert up[0].tolist() == up[2].tolist() == up[3].tolist() == [0, 8, 0]
    assert not up[[1, 4]].any(), "the guitar never plays, and drums have no register"
    shift = [vae_manner.shift(kept, latents, Vae.Options(tessitura=level)) for level in (1, 8)]
    assert torch.equal(shift[0], -shift[1])
    assert torch.equal(shift[1], up)


def test_a_piece_leads_from_one_to_another(learnt, tmp_path):
    for name, semitones in (("one", 0), ("two", 3)):
        write(Roll().decode(music(semitones, 4)), tmp_path / f"{name}.mid")
    paths = [str(tmp_path / f"{name}.mid") for name in ("one", "two")]
    [piece] = learnt.generate(learnt.Options(bars=12, between=",".join(paths)))
    written, ends = blocks(Roll().encode(piece)) >= c.ONSET, [blocks(music(n, 4)) >= c.ONSET for n in (0, 3)]
    apart = [[int((block != end).sum()) for end in ends] for block in written]
    assert apart[0][0] < apart[0][1]
    assert apart[-1][0] > apart[-1][1]
    with pytest.raises(UserError, match="two MIDI files were expected"):
        learnt.generate(learnt.Options(bars=4, between=(paths[0],)))


# Composing


@each_loss
def test_it_writes_what_was_asked_for_and_the_same_after_saving(loss, tmp_path):
    model = make(loss)
    options = model.Options(bars=6, key="D minor", instruments=("piano", "bass", "flute"), drums=True, variants=2, seed=3,
                            tempo=90, max_polyphony=("3",), candidates=2, noise_where="both")
    shares: list[float] = []
    pieces = model.generate(options, progress=lambda share, so_far: shares.append(share) or so_far())
    for piece in pieces:
        check_answer(piece, options)
        assert c.sounding(Roll().encode(piece)).sum(-1)[:, :4].max() <= 3
    assert len(shares) == 48
    assert shares[-1] == 1
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [table(piece) for piece in pieces] == [table(piece) for piece in again]


def test_noise_makes_variants_and_temperature_0_none():
    model = loud()
    wild = model.generate(model.Options(bars=8, variants=3, noise_sd=1, seed=5))
    assert len({tuple(table(piece)) for piece in wild}) == 3
    model.bank.put(model.bank.ids().transpose(1, 2).flatten(2).numpy()[:1], [0], LABELS)  # one block to begin from
    still = model.generate(model.Options(bars=8, variants=3, temperature=0, seed=5))
    assert len({tuple(table(piece)) for piece in still}) == 1


def test_levels_move_the_music(monkeypatch):
    model = loud()
    monkeypatch.setattr(vae_manner, "direction", lambda blocks, latents, attribute: 3 * torch.ones_like(latents[0]))
    wish = model.Options(bars=4, noise_sd=0)
    plain, high, low = (table(model.generate(wish.replace(tessitura=level))[0]) for level in (None, 8, 1))
    assert plain != high != low


def test_without_a_bank_it_begins_from_a_draw():
    torch.manual_seed(0)
    model = Vae(Vae.Config(**TINY), Roll()).eval()
    options = model.Options(bars=2, instruments=("piano",), drums=False)
    check_answer(model.generate(options)[0], options)
    with pytest.raises(UserError, match="keeps no music"):
        model.generate(options.replace(style="folk"))


def test_it_continues_and_accompanies_and_leaves_what_was_given(learnt):
    [piece] = learnt.generate(learnt.Options(task="continue", bars=6, seed=1), prompt=band(5))
    assert [note for note in table(piece) if note[0] < 20 * 480] == table(band(5))
    assert 10 * 4 * 480 < piece.end() <= 11 * 4 * 480
    [piece] = learnt.generate(learnt.Options(task="accompany", instruments=("guitar",), seed=1), prompt=band(6))
    notes = note_table(piece)
    assert sorted(map(tuple, notes[notes[:, PROGRAM] != 25].tolist())) == table(band(6))
    assert (notes[:, PROGRAM] == 25).any()


def test_what_is_given_in_a_block_is_heard_there(learnt):
    heard = []
    rest = learnt.onward.rest
    learnt.onward.rest = lambda latents, piano: heard.append(piano) or rest(latents, piano)
    learnt.generate(learnt.Options(task="accompany", instruments=("guitar",), noise_sd=0), prompt=band(4))
    del learnt.onward.rest
    assert torch.allclose(heard[0], learnt.latents(blocks(music(0, 4)))[:, 0], atol=1e-6)


def test_what_it_cannot_do_it_says():
    model = make()
    with pytest.raises(UserError, match="give a prompt"):
        model.generate(model.Options(task="continue"))
    with pytest.raises(UserError, match="top_k and min_p"):
        model.generate(model.Options(top_k=5))
    with pytest.raises(UserError, match="cannot hold chords"):
        model.generate(model.Options(chords="C"))
