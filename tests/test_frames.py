"""The frame benchmark on piano rolls made here: reading, the protocol, the yardsticks, and the family `frames`."""

import itertools
import json
import math
import struct
import zlib

import numpy as np
import pytest
import torch
from music_made_here import table as notes_of

from bandmate import checkpoint
from bandmate.codecs import CODECS
from bandmate.codecs.frames import KEYS, LOWEST, OFF, ON, Frames, FramesConfig, rows_of
from bandmate.commands.frames import frames
from bandmate.data.windows import Prepared
from bandmate.families import FAMILIES
from bandmate.families import frame_hearing as hearing
from bandmate.families.frames import FramesModel
from bandmate.framewise import counts, protocol, rolls
from bandmate.framewise.counts import Coins, Ngrams
from bandmate.settings import UserError

TINY = {"width": 16, "head_width": 16, "head_layers": 1}
KINDS = [{"body": body, "head": head} for body in ("lstm", "gru", "conv") for head in ("joint", "independent")]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(kind.values()))


def roll(seed: int, frames: int) -> np.ndarray:
    """Make chords of up to four notes that change at random, some of them held."""
    random = np.random.default_rng(seed)
    out = np.zeros((frames, KEYS), bool)
    for row in range(frames):
        if row and random.random() < 0.3:
            out[row] = out[row - 1]
        else:
            out[row, random.choice(np.arange(30, 50), random.integers(1, 5), replace=False)] = True
    return out


def splits() -> rolls.Splits:
    return {"train": [roll(0, 24), roll(1, 16)], "valid": [roll(2, 20), roll(3, 5)], "test": [roll(4, 12)]}


def make(**config) -> FramesModel:
    torch.manual_seed(0)
    return FramesModel(FramesModel.Config(**{**TINY, **config}), Frames()).eval()


def batch(*pieces: np.ndarray) -> dict[str, torch.Tensor]:
    longest = max(map(len, pieces))
    ids = np.stack([np.pad(rows_of(piece), ((0, longest - len(piece)), (0, 0))) for piece in pieces])
    return {"ids": torch.from_numpy(ids.astype(np.int64)), "given": torch.zeros(ids.shape[:2], dtype=torch.bool)}


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setitem(FAMILIES, "frames", FramesModel)
    monkeypatch.setitem(CODECS, "frames", Frames)


# Files


def element(kind: int, body: bytes) -> bytes:
    return struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)


def matrix(name: str, kind: int, shape: tuple[int, int], *rest: bytes) -> bytes:
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", *shape))
    return element(14, head + element(1, name.encode()) + b"".join(rest))


def mat_file(music: rolls.Splits, packed: bool = True) -> bytes:
    """Write piano rolls as a MATLAB file, the numbers as bytes or as doubles."""
    out = b"made here".ljust(124) + b"\x00\x01IM"
    for split, pieces in music.items():
        cells = [matrix("", 6, piece.shape, element(9, piece.T.astype("<f8").tobytes()) if number % 2 else
                        element(2, piece.T.astype("u1").tobytes())) for number, piece in enumerate(pieces)]
        whole = matrix(f"{split}data", 1, (1, len(cells)), *cells)
        data = zlib.compress(whole)
        out += struct.pack("<II", 15, len(data)) + data if packed else whole
    return out


@pytest.mark.parametrize("packed", [True, False])
def test_json_and_mat_hold_the_same(tmp_path, packed):
    music = splits()
    lists = {split: [[(np.flatnonzero(row) + LOWEST).tolist() for row in piece] for piece in pieces]
             for split, pieces in music.items()}
    (tmp_path / "a.json").write_text(json.dumps(lists))
    (tmp_path / "a.mat").write_bytes(mat_file(music, packed))
    from_json, from_mat = rolls.read(tmp_path / "a.json"), rolls.read(tmp_path / "a.mat")
    assert rolls.data_hash(from_json) == rolls.data_hash(from_mat) == rolls.data_hash(music)
    assert [len(piece) for piece in from_mat["valid"]] == [20, 5]


def test_what_is_no_benchmark_file_is_said(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        rolls.read(tmp_path / "none.json")
    whole = mat_file(splits())
    wrong = {"text.json": b"nonsense", "few.json": b'{"train": [[[60]]], "valid": [], "test": []}',
             "low.json": b'{"train": [[[20]]], "valid": [[[60]]], "test": [[[60]]]}',
             "flat.json": b'{"train": [[1]], "valid": 1, "test": 2}',
             "short.mat": whole[:400], "text.mat": b"nonsense", "other.mat": whole.replace(b"\x00\x01IM", b"\x01\x00MI")}
    for name, data in wrong.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match="does not hold piano rolls"):
            rolls.read(tmp_path / name)


def test_prepared_rolls_are_read_like_any_other_data(tmp_path):
    rolls.prepare(splits(), tmp_path / "data", "rolls")
    prepared = Prepared(tmp_path / "data")
    assert prepared.manifest["splits"]["valid"]["rows"] == 25
    assert (prepared.piece("valid", 1) == rows_of(roll(3, 5))).all()
    notes = [int(row["notes"]) for row in prepared.pieces if row["split"] == "test"]
    assert notes == [len(notes_of(Frames().decode(rows_of(roll(4, 12)))))]


# The protocol


def test_the_first_frame_of_a_piece_is_not_scored_and_frames_weigh_alike():
    def by_length(piece: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(piece)) == 0, 100.0, 1.0 if len(piece) == 20 else 3.0)

    valid = protocol.benchmark(splits(), by_length, ("valid",))["valid"]
    assert (valid.pieces, valid.frames) == (2, 23)
    assert valid.micro == pytest.approx((19 * 1 + 4 * 3) / 23)
    assert valid.with_first == pytest.approx((19 * 1 + 4 * 3 + 200) / 25)
    assert valid.macro == pytest.approx(2)
    assert "valid" in protocol.table({"valid": valid})


def test_fair_coins_come_to_88_bits():
    fair = protocol.score([roll(0, 9)], lambda piece: np.full(len(piece), KEYS * math.log(2)))
    assert fair.micro == pytest.approx(60.997, abs=1e-3)


def test_a_score_that_leaves_frames_out_is_refused():
    with pytest.raises(ValueError, match="nats"):
        protocol.score([roll(0, 8)], lambda piece: np.zeros(7))
    with pytest.raises(ValueError, match="no frame"):
        protocol.score([roll(0, 1)], lambda piece: np.zeros(1))
    with pytest.raises(UserError, match="'frames' was expected"):
        protocol.surprise(torch.nn.Linear(1, 1))
    with pytest.raises(UserError, match="2 frames a quarter"):
        protocol.surprise(FramesModel(FramesModel.Config(**TINY), Frames(FramesConfig(steps_per_quarter=2))))


# The yardsticks


def test_coins_by_hand():
    piece = np.zeros((4, KEYS), bool)
    piece[:2, 40] = True  # on, on, off, off
    share = (2 + 0.5) / (4 + 1)
    assert Coins([piece], 0).chance[40, 0] == pytest.approx((2 + share) / 5)
    after_one = Coins([piece], 1).chance[40]
    assert after_one.tolist() == pytest.approx([(1 + share) / 3, (1 + share) / 3])  # after off: on, off; after on: on, off
    assert Coins([piece], 1).surprise(piece)[2] > -math.log(1 - after_one[1])


def test_ngrams_are_a_distribution_over_frames(monkeypatch):
    monkeypatch.setattr(counts, "END", 4)  # a piano of four keys
    random = np.random.default_rng(0)
    counted = Ngrams([random.random((30, 4)) < 0.4])
    past = random.random((3, 4)) < 0.4
    every = [np.vstack([past, frame]) for frame in itertools.product([False, True], repeat=4)]
    assert sum(math.exp(-counted.surprise(piece)[3]) for piece in every) == pytest.approx(1)


def test_ngrams_know_what_they_counted():
    counted = Ngrams([roll(0, 40)])
    assert counted.surprise(roll(0, 40))[2:].mean() < 0.5 * counted.surprise(roll(9, 40)).mean()


# What is heard


def test_an_echo_is_what_came_next_after_the_longest_match():
    names = torch.tensor([[1, 2, 3, 9, 2, 3, 7, 1, 2, 3, 5]])
    music = torch.zeros(1, 11, KEYS)
    music[0, torch.arange(11), names[0]] = 1
    echo = hearing.echo(music, names)
    heard = [int(row.argmax()) if row.any() else None for row in echo.roll[0]]
    assert echo.length[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 0, 1, 2, 3]
    assert heard == [None, None, None, None, None, 3, 9, None, 2, 3, 9]  # after 1 2 3 came 9; after 2 3 alone, 7 was later
    assert hearing.echo(music[:, :1], names[:, :1]).length.tolist() == [[0]]


def test_it_is_counted_how_often_a_phrase_was_heard():
    names = torch.arange(10).repeat(7)[None]
    times = hearing.echo(torch.zeros(1, 70, KEYS), names).times[0]
    assert times[:18].tolist() == [0] * 18
    assert times[18::10].tolist() == [1, 2, 3, 4, 4, 4]  # after eight frames of the second, third, ... round


def test_a_model_without_echo_hears_none():
    model, repeated = make(echo=False), batch(np.tile(roll(0, 6), (3, 1)))["ids"]
    assert not hearing.Heard((repeated == ON).float(), echoes=False).past()[:, :, 2:].any()
    assert model.parameter_count() == make().parameter_count()
    with torch.no_grad():
        assert (model.nats(repeated) != make().nats(repeated)).any()


def test_questions_go_up_through_a_frame():
    music = np.stack([np.isin(np.arange(KEYS), keys) for keys in ([], [0, 5], [87])])
    ask = hearing.Questions.of(torch.from_numpy(music).float())
    assert ask.frame.tolist() == [0, 1, 1, 1, 2, 2]
    assert ask.below.tolist() == [-1, -1, 0, 5, -1, 87]
    assert ask.count.tolist() == [0, 0, 1, 2, 0, 1]
    assert ask.answer.tolist() == [88, 0, 5, 88, 87, 88]


# The family


@each_kind
def test_no_frame_hears_what_comes_after_it(kind):
    model = make(**kind)
    ids = batch(roll(0, 24))["ids"]
    other = ids.clone()
    other[0, 13:] = batch(roll(8, 11))["ids"][0]
    with torch.no_grad():
        plain, changed = model.nats(ids), model.nats(other)
    assert (plain[:13] == changed[:13]).all()
    assert (plain[13:] != changed[13:]).all()


def test_the_chances_of_all_frames_sum_to_one():
    """Of all frames with notes among three keys, the chances sum up to that of no other key, by the chain rule."""
    model = make(head="joint")
    past, keys = roll(0, 6), [33, 40, 52]
    pieces = []
    for size in range(4):
        for chosen in itertools.combinations(keys, size):
            pieces.append(np.vstack([past, np.isin(np.arange(KEYS), chosen)]))
    ids = batch(*pieces)["ids"]
    heard = hearing.Heard((ids == ON).float())
    last = torch.zeros(ids.shape[:2], dtype=torch.bool)
    last[:, -1] = True

    def only(logits: torch.Tensor) -> torch.Tensor:
        """Let the model choose among the three keys and the end alone."""
        mask = torch.full((hearing.END + 1,), -torch.inf)
        mask[[*keys, hearing.END]] = 0
        return logits + mask

    with torch.no_grad():
        answer = model.head.answer
        model.head.answer = lambda *arguments: only(answer(*arguments))
        nats = model.head.nats(model.hear(heard), heard, last)
    assert len(pieces) == 8
    assert (-nats).exp().sum().item() == pytest.approx(1, rel=1e-5)


@each_kind
def test_losses_reach_every_weight_and_one_batch_is_learnt_by_heart(kind):
    model = make(**kind, dropout=0.0, forget=0.0).train()
    one, [optimizer] = batch(roll(0, 20), roll(1, 12)), model.optimizers(1e-2)
    first = model.losses(one)["loss"]
    first.backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None]
    for _ in range(60):
        last = model.step(one, [optimizer], torch.Tensor.backward)["loss"]
    assert last.item() < 0.5 * first.item()


@each_kind
def test_padding_and_neighbours_do_not_change_a_score(kind):
    model, pieces = make(**kind), [roll(0, 20), roll(1, 9)]
    together, apart = model.score(batch(*pieces)), [model.score(batch(piece)) for piece in pieces]
    for name in ("nats", "notes"):
        assert float(together[name]) == pytest.approx(sum(float(one[name]) for one in apart), rel=1e-4)
    assert float(apart[0]["notes"]) == len(notes_of(Frames().decode(rows_of(pieces[0]))))
    assert protocol.surprise(model)(pieces[0]).sum() == pytest.approx(float(apart[0]["nats"]), rel=1e-4)


@each_kind
def test_it_writes_what_was_asked_for_and_the_same_after_saving(kind, tmp_path):
    model = make(**kind)
    options = model.Options(bars=2, key="C major", seed=3, variants=2, tempo=72, instruments=("organ",), max_polyphony=("4",))
    shares: list[float] = []
    pieces = model.generate(options, progress=lambda share, so_far: shares.append(share))
    assert len(pieces) == 2
    for piece in pieces:
        assert piece.end() == 8 * 480
        assert all(note.pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for note in piece.tracks[0].notes)
        assert (Frames().encode(piece) == ON).sum(1).max() <= 4
        assert piece.tempos[0].qpm == pytest.approx(72)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    checkpoint.save(model, tmp_path / "m.safetensors")
    again = checkpoint.load(tmp_path / "m.safetensors").generate(options)
    assert [notes_of(piece) for piece in pieces] == [notes_of(piece) for piece in again]
    assert notes_of(pieces[0]) != notes_of(model.generate(options.replace(seed=9))[0])
    assert notes_of(pieces[1]) == notes_of(model.generate(options.replace(seed=4, variants=1))[0])


@each_kind
def test_it_continues_a_piece_and_leaves_what_was_given(kind):
    model, prompt = make(**kind), Frames().decode(rows_of(roll(0, 8)))
    [piece] = model.generate(model.Options(task="continue", bars=2, seed=1, max_polyphony=("5",)), prompt=prompt)
    given = notes_of(prompt)
    assert [note for note in notes_of(piece) if note[0] < 8 * 480] == given
    assert piece.end() == 16 * 480


def test_a_continuation_hears_the_prompt():
    model, options = make(), FramesModel.Options(task="continue", bars=2, seed=1)
    pieces = [model.generate(options, prompt=Frames().decode(rows_of(roll(seed, 8))))[0] for seed in (0, 5)]
    new = [[note for note in notes_of(piece) if note[0] >= 8 * 480] for piece in pieces]
    assert new[0] != new[1]


def test_joint_draws_stay_inside_the_mask():
    model = make()
    grammar = Frames().grammar(model.Options(bars=1, key="D minor", max_polyphony=("3",)), 1)
    [piece] = model.generate(model.Options(bars=1, key="D minor", max_polyphony=("3",), temperature=3, top_p=1))
    for row in Frames().encode(piece):
        for key in range(KEYS):
            assert grammar.mask(key, row[None])[0, row[key]]
        grammar.advance(row[None])
    assert grammar.done.all()
    assert set(np.unique(Frames().encode(piece))) == {OFF, ON}


def test_of_candidates_the_likeliest_is_kept():
    model = make()
    [best] = model.generate(model.Options(bars=1, candidates=3, seed=1))
    assert notes_of(best) in [notes_of(model.generate(model.Options(bars=1, seed=seed))[0]) for seed in (1, 2, 3)]


def test_what_it_cannot_do_it_says():
    model = make()
    with pytest.raises(UserError, match="give a prompt"):
        model.generate(model.Options(task="continue"))
    with pytest.raises(UserError, match="continues given ones, and cannot infill"):
        model.generate(model.Options(task="infill", region="1"), prompt=Frames().decode(rows_of(roll(0, 8))))


# The command


@pytest.fixture(name="file")
def _file(tmp_path):
    (tmp_path / "made.mat").write_bytes(mat_file(splits()))
    return tmp_path / "made.mat"


def test_the_command_scores_the_yardsticks(file, capsys):
    frames(file, test=True)
    out = capsys.readouterr().out
    assert out.startswith(f"counts, data {rolls.data_hash(splits())[:12]}")
    assert "valid, a coin a key" in out
    assert "test, note by note" in out


def test_the_command_trains_goes_on_and_scores(file, tmp_path, capsys):
    run = tmp_path / "run"
    frames(file, train=run, minutes=0.001, size="tiny")
    first = json.loads((run / "report.json").read_text())
    assert first["ended"] == "minutes"
    frames(file, train=run, minutes=0.001, resume=True)
    assert json.loads((run / "report.json").read_text())["step"] > first["step"]
    capsys.readouterr()
    frames(file, model=str(run))
    out = capsys.readouterr().out
    assert "test" not in out.splitlines()[-1]
    with_first = float(out.splitlines()[2].split()[4])
    notes = Prepared(run / "data").manifest["splits"]["valid"]["notes"]
    assert with_first * 25 / notes == pytest.approx(json.loads((run / "report.json").read_text())["after"], abs=1e-3)
    assert rolls.LICENCE in json.dumps(json.loads((run / "run.json").read_text())["sources"])


def test_flags_that_do_not_go_together_are_refused(file, tmp_path):
    with pytest.raises(UserError, match="add --train"):
        frames(file, minutes=1.0)
    with pytest.raises(UserError, match="leave out --model or --train"):
        frames(file, model="bands", train=tmp_path / "run")
    with pytest.raises(UserError, match="'frames' was expected"):
        frames(file, model="bands")
