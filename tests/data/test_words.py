"""Codecs that learn their words do so when music is prepared."""

import json

import numpy as np
import pytest
from music_made_here import piece_of

from bandmate.codecs import CODECS, make_codec
from bandmate.codecs.learnt import Learnt
from bandmate.commands.vocabulary import table
from bandmate.data.prepare import prepare
from bandmate.data.windows import Prepared
from bandmate.music.files import read, write
from bandmate.settings import UserError

OTHERS = ("bars", "triples", "voices")  # they have tests of their own
SETTINGS = {"onsets": "onsets:label=composer", "names": "names:rhythm=joint,chords=classes", "ngrams": "ngrams:n=3",
            "bpe": "bpe:most_words=40"}


@pytest.fixture(scope="module")
def midis(tmp_path_factory):
    """Twelve tunes with a chord now and then, by two composers."""
    home = tmp_path_factory.mktemp("midis")
    for number in range(12):
        folder = home / "classical" / ("Bach" if number % 2 else "Mozart")
        folder.mkdir(parents=True, exist_ok=True)
        steps = np.random.default_rng(number).integers(-4, 5, 60)
        pitches = 60 + np.clip(np.cumsum(steps), -20, 20)
        notes = [(n / 2, 0.5, int(pitch), 90) for n, pitch in enumerate(pitches)]
        notes += [(n / 2, 0.5, int(pitches[n]) + step, 90) for n in range(0, 60, 8) for step in (4, 7)]
        write(piece_of({0: notes}), folder / f"tune{number:02}.mid")
    (home / "folk").mkdir()  # so that folders are styles, and composers in them
    write(piece_of({73: [(n, 1, 60 + n * 5 % 13, 90) for n in range(40)]}), home / "folk" / "air.mid")
    return home


@pytest.mark.parametrize("name", [name for name in CODECS if name not in OTHERS and name not in ("frames", "roll")])
def test_music_is_prepared_in_every_codec(name, midis, tmp_path, monkeypatch):
    for least in ("PIECES", "NOTES"):
        monkeypatch.setattr(f"bandmate.data.labels.MIN_COMPOSER_{least}", 1)
    if name in ("remi", "tsd", "midilike"):
        pytest.importorskip("miditok")
    summary = prepare([str(midis)], tmp_path / "data", SETTINGS.get(name, name), workers=1)
    assert summary.used == 13
    prepared = Prepared(tmp_path / "data")
    codec = prepared.codec()
    assert codec.name == name
    for split in ("train", "valid", "test"):
        ids, offsets = prepared.split(split)
        assert ids.dtype == np.int16
        assert offsets[-1] == len(ids)
        assert ids.shape[1] == len(codec.sizes)
        assert (ids.max(axis=0) < codec.sizes).all()
    row = next(row for row in prepared.pieces if row["path"].endswith("tune03.mid"))
    own = prepared.piece(row["split"], int(row["index"]))
    composer = [] if name in ("remi", "tsd", "midilike") else ["Bach"]
    assert [word.split(",")[0] for word in codec.words(own)[:len(composer)]] == composer
    unknown = codec.encode(read(midis / "classical" / "Bach" / "tune03.mid"))
    assert (unknown[len(unknown) - len(own) + len(composer):] == own[len(composer):]).all()
    assert int(row["notes"]) == (codec.notes_in(own) if isinstance(codec, Learnt) else codec.is_note(own)).sum() > 0
    assert [path.name for path in (tmp_path / "data").iterdir() if path.is_dir()] == []
    batch = prepared.batch(0, 2, 40, seed=0)
    assert batch["ids"].shape[::2] == (2, len(codec.sizes))
    assert batch["ids"].shape[1] == 40 or name == "onsets"  # which learns from four bars at a time
    again = prepare([str(midis)], tmp_path / "data", SETTINGS.get(name, name), workers=1)
    assert again.manifest == summary.manifest


def test_a_model_keeps_its_words_when_it_learns_more(midis, tmp_path):
    prepare([str(midis)], tmp_path / "first", "names", workers=1)
    known = Prepared(tmp_path / "first").codec()
    assert isinstance(known, Learnt)
    prepare([str(midis / "classical" / "Bach")], tmp_path / "second", known, workers=1)
    assert json.loads((tmp_path / "second" / "manifest.json").read_text())["codec_config"]["words"] == list(known.config.words)


def test_settings_of_a_codec_are_written_beside_its_name():
    assert make_codec("names:rhythm=joint").fields == ("word", "wait", "length")
    assert make_codec("notewise: notes=88, loudness=true").sizes == (3 + 2 * 88 + 25 + 8,)
    with pytest.raises(UserError, match="'joint' is no setting of the codec 'names'"):
        make_codec("names:joint")
    with pytest.raises(UserError, match="there is no setting 'rythm' in NamesConfig; did you mean 'rhythm'"):
        make_codec("names:rythm=joint")
    with pytest.raises(UserError, match="did you mean 'notewise'"):
        make_codec("notewize")


def test_the_table_of_vocabularies(midis, tmp_path):
    pytest.importorskip("tokenizers")
    prepare([str(midis)], tmp_path / "data", "notewise", workers=1)
    lines = table(tmp_path / "data", 3).splitlines()
    assert [line.split()[0] for line in lines] == ["words", "1", "2", "3", "byte", "byte", "byte"]
    rates = [float(line.split()[-1]) for line in lines[1:4]]
    assert rates == sorted(rates, reverse=True)
    prepare([str(midis)], tmp_path / "names", "names", workers=1)
    with pytest.raises(UserError, match="written with the codec 'names'"):
        table(tmp_path / "names", 3)
