import numpy as np
import pytest
import symusic
from matplotlib.collections import PolyCollection
from pieces import band, beat, make_piece, part

from bandmate.output.layout import lay_out
from bandmate.output.plots import COLOURS, MOST_ROWS, draw, piano_roll
from bandmate.settings import UserError


def boxes(figure):
    return [box for axis in figure.axes for box in axis.collections if isinstance(box, PolyCollection)]


def test_a_picture_is_written_whole(tmp_path):
    path = piano_roll(band(), tmp_path / "piece.png", "A title")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_every_track_has_its_colour_and_every_note_its_box():
    piece = band(4)
    figure = draw(lay_out(piece))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Piano", "Bass", "Drums"]
    assert sum(len(box.get_paths()) for box in boxes(figure)) == piece.note_num()
    assert len({tuple(box.get_facecolor()[0][:3]) for box in boxes(figure)}) == 3
    assert len(set(COLOURS)) == len(COLOURS) == 16


def test_drums_have_named_lanes():
    lanes = draw(lay_out(band())).axes[-1]
    assert [label.get_text() for label in lanes.get_yticklabels()] == ["Kick", "Snare", "Hi-hat"]


def test_bars_are_numbered_and_metres_shown_where_they_change():
    piece = make_piece(part("", 0, [(0, 12, 60)]), metres=[(0, 4, 4), (4, 3, 4)])
    labels = [text.get_text().split() for text in draw(lay_out(piece)).axes[0].texts]
    assert labels == [["1"], ["2", "3/4"], ["3"], ["4"]]


def test_soft_notes_are_paler():
    faces = boxes(draw(lay_out(make_piece(part("", 0, [(0, 1, 60, 20), (1, 1, 60, 120)])))))[0].get_facecolor()
    assert faces[0][3] < faces[1][3] - 0.3


@pytest.mark.parametrize(("bars", "rows"), [(1, 1), (16, 1), (64, 4), (300, 5)])
def test_long_pieces_are_broken_into_rows(bars, rows):
    figure = draw(lay_out(make_piece(part("", 0, [(4 * bar, 4, 60 + bar % 12) for bar in range(bars)]))))
    assert len(figure.axes) == rows <= MOST_ROWS
    assert sum(len(box.get_paths()) for box in boxes(figure)) == bars


def test_drums_alone_can_be_drawn():
    assert len(draw(lay_out(make_piece(part("Kit", 0, beat(2), is_drum=True)))).axes) == 1


def test_a_piece_without_notes_is_refused(tmp_path):
    with pytest.raises(UserError, match="the piece has no notes"):
        piano_roll(symusic.Score(480), tmp_path / "piece.png")
    assert not list(tmp_path.iterdir())


def test_layout_drops_leading_empty_bars_at_any_resolution():
    for ticks in (96, 220, 480):
        piece = symusic.Score(ticks)
        track = symusic.Track("Late", 0, False)
        track.notes.append(symusic.Note(ticks * 9, ticks, 60, 90))
        piece.tracks.append(track)
        layout = lay_out(piece)
        assert layout.parts[0].notes.tolist() == [[480, 960, 60, 90]]
        assert np.array_equal(layout.bars, [[0, 4, 4], [1920, 4, 4]])
