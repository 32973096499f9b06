import threading
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import music21
import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import band, beat, make_piece, part

from bandmate.music.theory import parse_key
from bandmate.output import sheet
from bandmate.output.layout import FINEST, lay_out
from bandmate.output.musicxml import to_musicxml
from bandmate.output.notation import write_staves
from bandmate.output.spelling import Accidentals, signature, spell
from bandmate.output.values import NOTATABLE, Bar, bars_of, write_values
from bandmate.settings import UserError

METRES = [(4, 4), (3, 4), (2, 4), (2, 2), (3, 2), (6, 8), (9, 8), (12, 8), (3, 8), (5, 8), (7, 8), (11, 8), (5, 4), (7, 4),
          (1, 4), (5, 16)]


def read_back(piece, **choices):
    """Write MusicXML and read it with music21."""
    return music21.converter.parseData(sheet._musicxml(piece, choices.get("key"), "", ""), format="musicxml")


def sounding(stream):
    """Return (start in quarters, length, pitch) of every pitched note, ties joined."""
    notes = []
    for element in stream.stripTies().flatten().notes:
        notes += [(float(element.offset), float(element.quarterLength), pitch.midi) for pitch in element.pitches]
    return sorted(notes)


def values(start, end, bar, triplets=frozenset(), pitches=(60,)):
    return [(symbol.start, symbol.length) for symbol in write_values(start, end, pitches, bar, set(triplets))]


COMMON, WALTZ, JIG = Bar(0, 96, 4, 4), Bar(0, 72, 3, 4), Bar(0, 72, 6, 8)


@pytest.mark.parametrize(("bar", "start", "end", "written"), [
    (COMMON, 0, 96, [(0, 96)]), (COMMON, 0, 72, [(0, 72)]), (COMMON, 24, 96, [(24, 72)]),  # dotted half notes
    (COMMON, 12, 36, [(12, 24)]),  # eighth, quarter, eighth
    (COMMON, 24, 72, [(24, 48)]),  # quarter, half, quarter
    (COMMON, 36, 60, [(36, 12), (48, 12)]),  # the middle of the bar stays visible
    (COMMON, 0, 84, [(0, 48), (48, 36)]),
    (COMMON, 18, 42, [(18, 6), (24, 18)]),
    (WALTZ, 0, 72, [(0, 72)]), (WALTZ, 24, 72, [(24, 48)]), (WALTZ, 12, 72, [(12, 12), (24, 48)]),
    (JIG, 0, 72, [(0, 72)]), (JIG, 0, 48, [(0, 36), (36, 12)]), (JIG, 24, 48, [(24, 12), (36, 12)]),
])
def test_values_keep_the_beats_visible(bar, start, end, written):
    assert values(start, end, bar) == written


def test_rests_are_cut_at_every_beat_they_do_not_fill():
    assert values(0, 72, COMMON, pitches=()) == [(0, 48), (48, 24)]
    assert values(24, 72, COMMON, pitches=()) == [(24, 24), (48, 24)]


def test_thirds_of_a_beat_are_triplets():
    assert values(8, 40, COMMON, {0, 24}) == [(8, 16), (24, 16)]
    assert [symbol.triplet for symbol in write_values(16, 48, (60,), COMMON, {0, 24})] == [True, False]


@given(st.sampled_from(METRES), st.integers(0, 64), st.integers(1, 64), st.booleans())
@settings(max_examples=200)
def test_any_length_can_be_written_in_any_metre(metre, start, length, is_rest):
    bar = Bar(0, 4 * FINEST * metre[0] // metre[1], *metre)
    start = start * 3 % bar.length
    end = min(start + 3 * length, bar.length)
    written = values(start, end, bar, pitches=() if is_rest else (60,))
    assert written[0][0] == start
    assert written[-1][0] + written[-1][1] == end
    assert all(first + size == second for (first, size), (second, _) in pairwise(written))
    assert all(size in NOTATABLE for _, size in written)


def test_keys_have_their_signatures():
    assert [signature(parse_key(key)) for key in ("C", "G", "F", "A minor", "D minor", "F# major", "Db", "C# minor")] \
        == [0, 1, -1, 0, -1, 6, -5, 4]


@pytest.mark.parametrize(("pitch", "sharps", "name"), [
    (61, 0, ("C", 1, 4)), (68, 0, ("G", 1, 4)), (70, 0, ("B", -1, 4)), (63, -3, ("E", -1, 4)), (66, 1, ("F", 1, 4)),
    (60, 7, ("B", 1, 3)), (59, -7, ("C", -1, 4)), (61, -1, ("C", 1, 4)), (0, 0, ("C", 0, -1)), (127, 0, ("G", 0, 9)),
])
def test_pitches_are_spelled_by_key(pitch, sharps, name):
    assert spell(pitch, sharps) == name


def test_spelling_keeps_the_pitch_and_needs_no_double_signs():
    for sharps in range(-7, 8):
        for pitch in range(128):
            letter, alter, octave = spell(pitch, sharps)
            assert dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))[letter] + alter + 12 * (octave + 1) == pitch
            assert abs(alter) <= 1


def test_signs_hold_for_a_bar():
    bar = Accidentals(1)  # G major
    fis, f = spell(66, 1), spell(65, 1)
    assert [bar.needs_sign(note, tied) for note, tied in ((fis, False), (f, False), (f, False), (fis, True), (fis, False))] \
        == [False, True, False, False, True]


def test_music21_reads_what_was_written():
    piece = band(4)
    score = read_back(piece)
    assert [written.partName for written in score.parts] == ["Piano", "Piano", "Bass", "Drums"]
    for track, staves in ((piece.tracks[0], score.parts[:2]), (piece.tracks[1], score.parts[2:3])):
        expected = sorted((note.time / 480, note.duration / 480, note.pitch) for note in track.notes)
        assert sorted(note for staff in staves for note in sounding(staff)) == expected
    strokes = [note for element in score.parts[3].flatten().notes for note in getattr(element, "notes", [element])]
    assert len(strokes) == len(piece.tracks[2].notes)
    assert isinstance(score.parts[3].flatten().getElementsByClass(music21.clef.Clef)[0], music21.clef.PercussionClef)


def test_triplets_ties_and_metre_changes_survive():
    notes = [(0, 1 / 3, 72), (1 / 3, 1 / 3, 74), (2 / 3, 1 / 3, 76), (1, 2 / 3, 77), (5 / 3, 1 / 3, 79), (2, 4, 81), (6, 1, 60)]
    score = read_back(make_piece(part("Flute", 73, notes), metres=[(0, 4, 4), (4, 3, 4)]))
    assert sounding(score) == pytest.approx(np.array(notes), abs=1e-6)
    assert [mark.ratioString for mark in score.flatten().getElementsByClass("TimeSignature")] == ["4/4", "3/4"]
    assert len(score.parts[0].getElementsByClass("Measure")) == 2


def test_notes_that_are_played_short_or_late_are_written_plainly():
    loose = [(quarter + 0.03 * (-1) ** quarter * (quarter > 0), 0.8, 60 + quarter) for quarter in range(4)]
    staff, = write_staves(lay_out(make_piece(part("Flute", 73, loose))).parts[0], [COMMON])
    assert [(symbol.start, symbol.length) for symbol in staff.bars[0][0]] == [(0, 24), (24, 24), (48, 24), (72, 24)]


def test_a_held_note_under_a_tune_gets_a_voice_of_its_own():
    tune = [(quarter, 1, 72 + quarter) for quarter in range(4)]
    staff, = write_staves(lay_out(make_piece(part("Strings", 48, [(0, 4, 60), *tune]))).parts[0], [COMMON])
    upper, lower = staff.bars[0]
    assert [symbol.pitches for symbol in upper] == [(72,), (73,), (74,), (75,)]
    assert [(symbol.pitches, symbol.length) for symbol in lower] == [((60,), 96)]


def test_hands_and_feet_of_a_drummer_are_two_voices():
    staff, = write_staves(lay_out(make_piece(part("Kit", 0, beat(1), is_drum=True))).parts[0], [COMMON])
    hands, feet = staff.bars[0]
    assert [symbol.length for symbol in hands] == [12] * 8
    assert [symbol.pitches for symbol in feet if symbol.pitches] == [(36,), (36,)]


@pytest.mark.parametrize(("program", "pitch", "clef"), [
    (73, 76, "TrebleClef"), (42, 45, "BassClef"), (33, 33, "Bass8vbClef"), (41, 62, "AltoClef"), (25, 55, "Treble8vbClef"),
])
def test_every_instrument_gets_its_clef(program, pitch, clef):
    score = read_back(make_piece(part("", program, [(0, 4, pitch)])))
    assert type(score.flatten().getElementsByClass("Clef")[0]).__name__ == clef


def test_tempo_and_key_are_written():
    score = read_back(make_piece(part("", 73, [(0, 1.5, 74)]), metres=[(0, 6, 8)], tempo=90), key="D minor")
    assert score.flatten().getElementsByClass("KeySignature")[0].sharps == -1
    mark = score.flatten().getElementsByClass("MetronomeMark")[0]
    assert (mark.number, mark.referent.quarterLength) == (60, 1.5)


wild_notes = st.lists(st.tuples(st.integers(0, 8 * 480), st.integers(0, 4 * 480), st.integers(0, 127), st.integers(1, 127)),
                      min_size=1, max_size=30)


@given(wild_notes, st.sampled_from([0, 19, 33, 41, 128]), st.lists(st.sampled_from(METRES), min_size=1, max_size=3),
       st.integers(0, 900))
@settings(max_examples=60)
def test_any_music_can_be_written_and_every_bar_adds_up(notes, program, metres, gap):
    track = part("Wild", program % 128, [(start / 480, length / 480, *rest) for start, length, *rest in notes], program == 128)
    piece = make_piece(track, metres=[(index * gap / 480, *metre) for index, metre in enumerate(metres)])
    layout = lay_out(piece)
    bars = bars_of(layout.bars)
    staves = write_staves(layout.parts[0], bars)
    for staff in staves:
        for bar, voices in zip(bars, staff.bars, strict=True):
            assert len(voices) <= 2
            assert all(sum(symbol.length for symbol in voice) == bar.length for voice in voices if voice)
    written = {pitch for staff in staves for voices in staff.bars for voice in voices for symbol in voice
               for pitch in symbol.pitches}
    assert written == {note.pitch for note in piece.tracks[0].notes}
    ElementTree.fromstring(to_musicxml(layout, 0))


def test_pages_are_engraved(tmp_path):
    pages = sheet.engrave(band(4), tmp_path, "tune", title="A tune")
    assert pages == [tmp_path / "tune-1.svg"]
    text = pages[0].read_text()
    assert text.startswith("<svg")
    assert text.count('class="note"') + text.count('class="chord"') > 40
    assert "A tune" in text
    again = sheet.write_musicxml(band(4), tmp_path / "tune.musicxml", title="A tune")
    assert sheet.engrave(again, tmp_path, "again")[0].read_text().count('class="note"') == text.count('class="note"')


def test_long_scores_of_many_parts_fill_pages(tmp_path):
    parts = [part(f"Part {number}", 8 * number, [(quarter, 1, 40 + 2 * number) for quarter in range(160)])
             for number in range(16)]
    pages = sheet.engrave(make_piece(*parts), tmp_path, "score")
    assert len(pages) > 1
    assert sum(page.read_text().count('class="measure"') for page in pages) == 40


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UserError, match="the piece has no notes"):
        sheet.write_musicxml(symusic.Score(480), tmp_path / "piece.musicxml")
    with pytest.raises(UserError, match="cannot be read"):
        sheet.engrave(tmp_path / "missing.musicxml", tmp_path)
    (tmp_path / "bad.musicxml").write_text("hello")
    with pytest.raises(UserError, match="the music cannot be engraved"):
        sheet.engrave(tmp_path / "bad.musicxml", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bad.musicxml"]


def test_any_thread_engraves(tmp_path):
    """One after another: verovio keeps its fonts' place for each thread apart."""
    pages: list[list[Path]] = []
    for number in range(2):
        worker = threading.Thread(target=lambda name=f"t{number}": pages.append(sheet.engrave(band(), tmp_path, name)))
        worker.start()
        worker.join()
    assert [len(found) for found in pages] == [len(pages[0])] * 2
