"""Scores in MusicXML, ABC and kern become pieces."""

import io
import zipfile

import pytest
from music_made_here import table

from bandmate.music.files import read, read_bytes
from bandmate.music.grid import to_grid
from bandmate.settings import UserError

NOTE = "<note><pitch><step>{step}</step><octave>4</octave></pitch><duration>{length}</duration></note>"
MUSICXML = f"""<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1">
<work><work-title>A little air</work-title></work>
<identification><creator type="composer">Nobody, Known</creator></identification>
<part-list><score-part id="P1"><part-name>Violin I</part-name></score-part></part-list>
<part id="P1">
<measure number="0" implicit="yes"><attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time>
</attributes>{NOTE.format(step="G", length=1)}</measure>
<measure number="1">{NOTE.format(step="C", length=4)}
<barline location="right"><repeat direction="backward"/></barline></measure>
<measure number="2">{NOTE.format(step="E", length=4)}</measure>
</part></score-partwise>
""".encode()


def test_musicxml_keeps_upbeat_repeats_instrument_and_names():
    piece, labels = read_bytes(MUSICXML, "air.musicxml")
    assert (labels.title, labels.composer) == ("A little air", "Nobody, Known")
    quarters = [(start / piece.ticks_per_quarter, pitch) for start, _, pitch, _, _ in table(piece)]
    assert quarters == [(0, 67), (1, 60), (5, 67), (6, 60), (10, 64)]
    assert piece.tracks[0].program == 40
    assert to_grid(piece, 24).bars[:3, 0].tolist() == [0, 24, 120]


def test_a_compressed_score_is_the_same_music(tmp_path):
    path = tmp_path / "air.mxl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", '<?xml version="1.0"?><container><rootfiles><rootfile full-path="air.xml"/>'
                                                   "</rootfiles></container>")
        archive.writestr("air.xml", MUSICXML)
    assert table(read(path)) == table(read_bytes(MUSICXML, "air.xml")[0])


def test_abc_has_its_title_and_tempo():
    piece, labels = read_bytes(b"X:1\nT:Up and down\nM:3/4\nL:1/4\nQ:1/4=90\nK:D\nDFA|d3|]\n", "tune.abc")
    assert labels.title == "Up and down"
    assert [pitch for _, _, pitch, _, _ in table(piece)] == [62, 66, 69, 74]
    assert (piece.time_signatures[0].numerator, round(piece.tempos[0].qpm)) == (3, 90)


def test_kern_has_its_composer():
    kern = b"!!!COM: Somebody, Else\n**kern\n*M4/4\n=1\n4c\n4d\n4e\n4f\n=2\n1g\n==\n*-\n"
    piece, labels = read_bytes(kern, "tune.krn")
    assert labels.composer == "Somebody, Else"
    assert [pitch for _, _, pitch, _, _ in table(piece)] == [60, 62, 64, 65, 67]


@pytest.mark.parametrize(("data", "name"), [
    (MUSICXML[:300], "air.musicxml"), (b"no zip", "air.mxl"), (b"", "air.xml"), (b"\0\1\2", "air.krn"), (b"X:1\n", "air.abc")])
def test_a_damaged_score_is_said_in_a_sentence(data, name):
    with pytest.raises(UserError, match="export it again"):
        read_bytes(data, name)


def test_a_zip_that_is_no_score_is_damaged():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("readme.txt", "no music here")
    with pytest.raises(UserError, match="damaged"):
        read_bytes(data.getvalue(), "air.mxl")
