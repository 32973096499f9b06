"""Chords by chance: they keep to what was asked for, and learn nothing."""

from __future__ import annotations

import pytest
import torch
from music_made_here import band, table
from tones import Scales

from bandmate import checkpoint
from bandmate.checkpoint import Card
from bandmate.cli import main
from bandmate.codecs.notewise import Notewise
from bandmate.families import FAMILIES
from bandmate.families.chords import Chords, allowed
from bandmate.music.rhythm import Euclid
from bandmate.settings import UserError
from bandmate.training import train

MAJOR_AND_MINOR = {frozenset((root + step) % 12 for step in triad) for root in range(12) for triad in ((0, 4, 7), (0, 3, 7))}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "chords", Chords)


@pytest.fixture
def chords() -> Chords:
    return Chords(Chords.Config(), Notewise())


def events(piece) -> dict[int, set[int]]:
    together: dict[int, set[int]] = {}
    for start, _, pitch, *_ in table(piece):
        together.setdefault(start, set()).add(pitch)
    return together


def test_every_event_is_of_one_consonant_chord(chords: Chords) -> None:
    [piece] = chords.generate(chords.Options(bars=8, seed=1))
    heard = events(piece)
    assert len(heard) == 8 * 8
    assert {len(event) for event in heard.values()} == {1, 2, 3}
    for event in heard.values():
        classes = {pitch % 12 for pitch in event}
        assert classes <= {0, 2, 4, 5, 7, 9, 11}
        assert any(classes <= chord for chord in MAJOR_AND_MINOR)


def test_what_was_asked_for_plays(chords: Chords) -> None:
    seen: list[float] = []
    options = chords.Options(bars=3, metre="3/4", instruments=["guitar"], tempo=100, key="D minor", pitches=["guitar:C4-C5"],
                             allowed="Dm,Gm,A", most_notes=1, rhythm="euclid", pattern="tresillo", variants=2, seed=4)
    pieces = chords.generate(options, progress=lambda share, so_far: seen.append(share))
    assert seen == [0.5, 1.0]
    assert table(pieces[0]) != table(pieces[1])
    for piece in pieces:
        assert [track.program for track in piece.tracks] == [25]
        pitches = {note.pitch for note in piece.tracks[0].notes}
        assert min(pitches) >= 60
        assert max(pitches) <= 72
        assert {pitch % 12 for pitch in pitches} <= {2, 5, 9, 7, 10, 1, 4}
        assert all(len(event) == 1 for event in events(piece).values())
        starts = [start / piece.ticks_per_quarter for start in sorted(events(piece))]
        assert starts == Euclid(onsets=3, places=8).slots(9)[:, 0].tolist()
        assert piece.tempos[0].qpm == pytest.approx(100)


def test_the_same_seed_writes_the_same_piece_also_after_saving(chords: Chords, tmp_path) -> None:
    options = chords.Options(bars=4, seed=5, rhythm="random")
    first = table(chords.generate(options)[0])
    assert first == table(chords.generate(options)[0])
    assert first != table(chords.generate(options.replace(seed=6))[0])
    checkpoint.save(chords, tmp_path / "m.safetensors", Card())
    assert first == table(checkpoint.load(tmp_path / "m.safetensors").generate(options)[0])


def test_what_is_given_stays_when_it_goes_on(chords: Chords) -> None:
    given = band(2)
    [piece] = chords.generate(chords.Options(task="continue", bars=2, instruments=["piano"], seed=2), prompt=given)
    end = 2 * 4 * given.ticks_per_quarter
    assert [note for note in table(piece) if note[0] < end] == table(given)
    assert any(note[0] >= end for note in table(piece))


def test_chords_of_a_key() -> None:
    assert len(allowed(Chords.Options())) == 6  # C, Dm, Em, F, G, Am
    assert allowed(Chords.Options(allowed="C, Am")) == [(0, 4, 7), (9, 0, 4)]


def test_it_learns_nothing_and_says_so(chords: Chords) -> None:
    for learn in (lambda: chords.losses({}), lambda: chords.optimizers(0.1)):
        with pytest.raises(UserError, match="the family 'chords' draws notes by chance and learns nothing; compose with it"):
            learn()
    with pytest.raises(NotImplementedError):
        chords.score({"ids": torch.zeros(1, 2, 1)})
    assert chords.parameter_count() == 0


def test_a_training_that_cannot_be_leaves_nothing_behind(tmp_path) -> None:
    with pytest.raises(UserError, match="the family 'chords' draws notes by chance and learns nothing"):
        train("chords", Scales(codec=Notewise()), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_it_cannot_do(chords: Chords) -> None:
    with pytest.raises(UserError, match="there is no piece to continue; give a prompt"):
        chords.generate(chords.Options(task="continue"))
    with pytest.raises(UserError, match="knows no rhythm of its own"):
        chords.generate(chords.Options(rhythm="joint"))
    with pytest.raises(UserError, match="no note of the allowed chords is left"):
        chords.generate(chords.Options(pitches=["piano:C#4-C#4"]))
    with pytest.raises(UserError, match="'H' is not a chord"):
        chords.generate(chords.Options(allowed="H"))


def test_what_means_nothing_to_chords_is_not_offered(capsys):
    assert main(["generate", "--model", "chords", "--temperature", "0.5"]) == 2
    assert "Unknown option: --temperature" in capsys.readouterr().err
