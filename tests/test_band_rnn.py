"""The family `band_rnn`: five instruments in turn, and the three ways of the first systems."""

import itertools

import numpy as np
import pytest
import torch
from music_made_here import band, check_answer, table

from bandmate import checkpoint
from bandmate.codecs import roll as c
from bandmate.codecs.roll import Roll
from bandmate.data.prepare import prepare
from bandmate.families import band_counts
from bandmate.families.band_rnn import BandRnn
from bandmate.music.files import write
from bandmate.music.grid import PROGRAM, START, note_table
from bandmate.piece import DRUMS
from bandmate.run import read_report
from bandmate.settings import UserError
from bandmate.training import Training, train

TINY = {"width": 24, "head_width": 16}
WAYS = ("in-turn", "joint-softmax", "part-softmax", "counts")
each_way = pytest.mark.parametrize("way", WAYS)


def make(way: str = "in-turn", **config) -> BandRnn:
    torch.manual_seed(0)
    hears = 0 if way == "in-turn" else 32
    return BandRnn(BandRnn.Config(**{**TINY, "way": way, "hears": hears, **config}), Roll()).eval()


def batch(*pieces: np.ndarray) -> dict[str, torch.Tensor]:
    longest = max(map(len, pieces))
    ids = np.stack([np.pad(piece, ((0, longest - len(piece)), (0, 0))) for piece in pieces]).astype(np.int64)
    return {"ids": torch.from_numpy(ids), "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}


def music(seed: int = 0, bars: int = 3) -> np.ndarray:
    """Return rows of the band, in a key that depends on the seed."""
    return c.transpose(Roll().encode(band(bars)), seed)


# The chance of a set of keys


def test_sets_of_one_size_are_a_distribution():
    logits = torch.tensor([0.3, -1.0, 2.0, 0.5, -0.2])
    candidates = torch.tensor([True, True, True, True, False])
    for size in range(5):
        sets = torch.tensor([[key in chosen for key in range(5)] for chosen in itertools.combinations(range(4), size)])
        nats = band_counts.set_nats(logits.expand(len(sets), -1), candidates.expand(len(sets), -1), sets)
        assert (-nats).exp().sum().item() == pytest.approx(1, rel=1e-5)
        assert nats.min() >= 0
    two = band_counts.set_nats(logits.expand(2, -1), candidates.expand(2, -1), torch.tensor(
        [[True, False, True, False, False], [True, True, False, False, False]]))
    assert (two[1] - two[0]).item() == pytest.approx(3, rel=1e-5)  # as far apart as the logits of the keys that differ


def test_how_many_keys_sound_by_hand():
    chances = band_counts.count_chances(torch.tensor([[0.5, 0.5, 0.0], [1.0, 1.0, 0.25]]))
    assert chances[0, :4].tolist() == pytest.approx([0.25, 0.5, 0.25, 0])
    assert chances[1, :4].tolist() == pytest.approx([0, 0, 0.75, 0.25])
    crowd = band_counts.count_chances(torch.full((1, 40), 0.9))
    assert crowd[0, band_counts.MOST].item() == pytest.approx(1, abs=1e-4)
    assert crowd.sum().item() == pytest.approx(1, rel=1e-5)


# Learning


def test_no_step_hears_what_comes_after_it_and_no_part_those_that_come_later():
    model, ids = make(), batch(music())["ids"]
    usual = torch.arange(5)[None]
    other = ids.clone()
    other[0, 13:] = batch(music(3))["ids"][0, 13:]
    with torch.no_grad():
        plain, changed = model.nats(ids, usual), model.nats(other, usual)
        assert (plain[:13] == changed[:13]).all()
        assert (plain[13:17] != changed[13:17]).any()
        bass = ids.clone()
        c.cells(bass)[0, 8, 2] = c.OFF
        c.cells(bass)[0, 8, 2, 40] = c.ONSET
        changed = model.nats(bass, usual)
        assert (changed[8] != plain[8]).tolist() == [False, False, True, True, True]
        back = model.nats(ids, 4 - usual), model.nats(bass, 4 - usual)
        assert (back[0][8] != back[1][8]).tolist() == [True, True, True, False, False]


def test_the_chances_of_all_steps_of_a_part_sum_to_one(monkeypatch):
    """With three keys, one of which sounds: every way to go on, and every set that is struck."""
    model = make()
    past = music(0, 1)[:5].copy()
    past[4] = c.OFF
    past[4, [60, 62]] = c.ONSET
    keys, outcomes = [60, 62, 64], []
    for states in itertools.product((c.OFF, c.ONSET, c.SUSTAIN), (c.OFF, c.ONSET, c.SUSTAIN), (c.OFF, c.ONSET)):
        row = np.full((1, c.CELLS), c.OFF)
        row[0, keys] = states
        outcomes.append(np.vstack([past, row]))
    full = band_counts.set_nats

    def among_three(logits, candidates, chosen):
        """Leave three keys of each part to choose from."""
        only = torch.zeros(c.KEYS, dtype=torch.bool)
        only[keys] = True
        return full(logits, candidates & only, chosen & only)

    monkeypatch.setattr("bandmate.families.band_in_turn.set_nats", among_three)
    how_many = model.head.how_many_struck.forward

    def at_most_the_free(x):
        """Let the model strike no more of the three keys than are not held."""
        logits = how_many(x)
        free = 3 - (now == c.SUSTAIN)[:, keys].sum(-1)
        room = torch.arange(logits.shape[-1]) <= free[:, None, None]
        return logits.masked_fill(~room, -1e9)

    ids = batch(*outcomes)["ids"]
    now = ids[:, -1:].reshape(len(ids), -1)[:, :c.KEYS]
    monkeypatch.setattr(model.head.how_many_struck, "forward", at_most_the_free)
    with torch.no_grad():
        wanted = torch.zeros(ids.shape[:2], dtype=torch.bool)
        wanted[:, -1] = True
        past_of = model.past(ids)
        known = torch.ones(len(ids), 5, 5, dtype=torch.bool).tril(-1)
        nats = model.head.nats(past_of.moment(model.remember(past_of)[0], wanted), c.cells(ids)[wanted], known,
                               torch.zeros(len(ids), dtype=torch.bool))
    assert len(ids) == 18
    assert (-nats[:, 0]).exp().sum().item() == pytest.approx(1, rel=1e-4)


@each_way
def test_losses_reach_every_weight_and_one_batch_is_learnt_by_heart(way):
    model = make(way, dropout=0.0).train()
    one, [optimizer] = batch(music(), music(2, 2)), model.optimizers(1e-2)
    first = model.losses(one)["loss"]
    first.backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    for _ in range(40):
        last = model.step(one, [optimizer], torch.Tensor.backward)["loss"]
    assert last.item() < 0.6 * first.item()


def test_padding_and_neighbours_do_not_change_a_score():
    model, pieces = make(), [music(), music(4, 1)]
    together, apart = model.score(batch(*pieces)), [model.score(batch(piece)) for piece in pieces]
    for name in ("nats", "notes"):
        assert float(together[name]) == pytest.approx(sum(float(one[name]) for one in apart), rel=1e-4)
    assert float(apart[0]["notes"]) == len(note_table(band(3)))
    with pytest.raises(NotImplementedError, match="no likelihood"):
        make("counts").score(batch(music()))


@pytest.mark.parametrize("size", ["tiny", "counts"])
def test_it_is_trained_like_any_family(size, tmp_path):
    (tmp_path / "songs").mkdir()
    for number in range(6):
        random = np.random.default_rng(number)
        rows = np.where(random.random((64, c.CELLS)) < 0.02, c.ONSET, c.OFF)
        write(Roll().decode(rows), tmp_path / "songs" / f"{number}.mid")
    prepare([str(tmp_path / "songs")], tmp_path / "data", "roll", workers=1)
    training = Training(steps=6, batch=2, length=32, evaluate_every=3, threads=1, accelerator="cpu")
    model = train("band_rnn", tmp_path / "data", tmp_path / "run", training, size=size, config=TINY)
    assert model.config.way == ("in-turn" if size == "tiny" else size)
    after = read_report(tmp_path / "run").after
    assert (after is None) == (size == "counts")
    assert len(model.generate(model.Options(bars=1, variants=2))) == 2


# Composing


@each_way
def test_it_writes_what_was_asked_for_and_the_same_after_saving(way, tmp_path):
    model = make(way)
    options = model.Options(bars=2, key="D minor", instruments=("piano", "bass", "flute"), drums=True, variants=2, seed=3,
                            tempo=90, max_polyphony=("3",))
    shares: list[float] = []
    pieces = model.generate(options, progress=lambda share, so_far: shares.append(share) or so_far())
    for piece in pieces:
        check_answer(piece, options)
        assert c.sounding(Roll().encode(piece)).sum(-1)[:, :4].max() <= 3
    assert len(shares) == 16
    assert shares[-1] == 1
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [table(piece) for piece in pieces] == [table(piece) for piece in again]
    assert table(pieces[0]) != table(model.generate(options.replace(seed=9, variants=1))[0])
    assert table(pieces[1]) == table(model.generate(options.replace(seed=4, variants=1))[0])


def test_step_by_step_it_hears_the_same_as_at_once():
    model, ids = make(), batch(music(0, 8), music(2, 8))["ids"]
    with torch.inference_mode():
        past = model.past(ids)
        memory = model.remember(past)[0]
        at, state = model._hear(ids[:, :20], None)
        for step in range(20, 60):
            assert torch.allclose(at.memory, memory[:, step], atol=1e-5)
            assert torch.allclose(at.classes, past.classes[:, step], atol=1e-5)
            assert (at.bar_struck == c.cells(past.bar_struck)[:, step]).all()
            at, state = model._hear(ids[:, :step + 1], state)


@each_way
def test_it_continues_a_piece_and_leaves_what_was_given(way):
    model = make(way)
    [piece] = model.generate(model.Options(task="continue", bars=2, seed=1), prompt=band(4))
    assert [note for note in table(piece) if note[0] < 16 * 480] == table(band(4))
    assert 5 * 4 * 480 < piece.end() <= 6 * 4 * 480


def test_a_part_is_written_to_those_that_are_given():
    model = make()
    [piece] = model.generate(model.Options(task="accompany", instruments=("guitar",), seed=1), prompt=band(2))
    notes = note_table(piece)
    assert sorted(map(tuple, notes[notes[:, PROGRAM] != 25].tolist())) == table(band(2))
    assert (notes[:, PROGRAM] == 25).any()
    filled = model.generate(model.Options(task="infill", region="2", drums=True, instruments=("bass",)), prompt=band(3))[0]
    outside = [note for note in table(band(3)) if not (4 * 480 <= note[START] < 8 * 480 and note[PROGRAM] in (33, DRUMS))]
    assert set(outside) <= set(table(filled))


def test_given_parts_are_heard_by_all_in_the_same_step():
    model = make()
    model.head.which_struck.ear.data *= 20
    written = [table(model.generate(model.Options(task="infill", region="1", instruments=("piano",), seed=2, temperature=0),
                                    prompt=prompt)[0]) for prompt in (band(1), Roll().decode(music(3, 1)))]
    mine = [[note[2] for note in notes if note[0] == 0 and note[PROGRAM] == 0] for notes in written]
    assert mine[0] != mine[1]


def test_counts_are_played_in_each_step():
    model = make("counts")
    options = model.Options(bars=2, counts="1,4,1,2,3", seed=1, top_p=1)
    sounds = c.sounding(Roll().encode(model.generate(options)[0]))
    assert (sounds.sum(-1) == [1, 4, 1, 2, 3]).all()
    joint = c.sounding(Roll().encode(make("joint-softmax").generate(options)[0]))
    assert (joint.sum((1, 2)) == 11).all()
    parts = c.sounding(Roll().encode(make("part-softmax").generate(options)[0]))
    assert (parts.sum(-1) <= [1, 4, 1, 2, 3]).all()
    with pytest.raises(UserError, match="five numbers were expected"):
        model.Options(counts="1,2")
    with pytest.raises(UserError, match="counts are for models of the sizes"):
        make().generate(options)


def test_what_it_cannot_do_it_says():
    with pytest.raises(UserError, match="give a prompt"):
        make().generate(BandRnn.Options(task="continue"))
    with pytest.raises(UserError, match="cannot vary"):
        make().generate(BandRnn.Options(task="vary", region="1"), prompt=band(1))
