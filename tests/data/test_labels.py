"""Labels from catalogues and from folders; which of them get an id."""

from pathlib import Path

import pytest

from bandmate.data.labels import Librarian, Vocabulary
from bandmate.data.sources import Entry
from bandmate.piece import Labels
from bandmate.settings import UserError


def know(home: Path, names: list[str], sizes: int = 800) -> dict[str, Labels]:
    entries = [Entry(name, name, home, "songs", sizes) for name in names]
    librarian = Librarian()
    for entry in entries:
        librarian.see(entry)
    return {entry.inside: librarian.know(entry).labels for entry in entries}


def test_folders_are_styles_then_composers(tmp_path):
    known = know(tmp_path, ["folk/Air_in_D.mid", "jazz/Somebody Else/tune.mid", "loose.mid"])
    assert known["folk/Air_in_D.mid"] == Labels(title="Air in D", style="folk", source="songs")
    assert known["jazz/Somebody Else/tune.mid"] == Labels(title="tune", style="jazz", composer="Somebody Else", source="songs")
    assert known["loose.mid"] == Labels(title="loose", source="songs")


def test_a_folder_that_holds_everything_says_nothing(tmp_path):
    known = know(tmp_path, ["all/folk/a.mid", "all/jazz/b.mid", "all/c.mid"])
    assert [labels.style for labels in known.values()] == ["folk", "jazz", ""]


def test_a_great_many_folders_are_composers(tmp_path):
    known = know(tmp_path, [f"clean/Artist {n}/Song.mid" for n in range(65)])
    assert known["clean/Artist 7/Song.mid"] == Labels(title="Song", composer="Artist 7", source="songs")


def test_a_catalogue_goes_before_folders(tmp_path):
    (tmp_path / "catalogue.csv").write_text(
        "path,composer_id,composer,title,genre,era,source,licence,notes,jsb_overlap\n"
        'a.mid,"Bach, Johann Sebastian",BachJS,Air,Classical,baroque,mine,CC-BY (4.0),77,\n'
        "folk/b.mid,,Somebody,,,,mine,,,valid\n")
    librarian = Librarian()
    a, b, c = (Entry(name, name, tmp_path, "songs", 800) for name in ("a.mid", "folk/b.mid", "folk/c.mid"))
    for entry in (a, b, c):
        librarian.see(entry)
    assert librarian.know(a).labels == Labels(title="Air", composer="Bach, Johann Sebastian", style="classical", era="baroque",
                                              source="mine", licence="CC-BY-4.0")
    assert (librarian.know(a).notes, librarian.know(a).held_out) == (77, False)
    assert librarian.know(b).labels.composer == "Somebody"
    assert librarian.know(b).held_out
    assert librarian.know(c).labels.style == "folk"


def test_the_nearest_catalogue_speaks(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "catalogue.csv").write_text("path,genre\nsub/a.mid,far\nsub/b.mid,far\n")
    (tmp_path / "sub" / "catalogue.csv").write_text("path,genre\na.mid,near\n")
    known = know(tmp_path, ["sub/a.mid", "sub/b.mid"])
    assert [labels.style for labels in known.values()] == ["near", "far"]


def test_catalogues_that_cannot_be_read(tmp_path):
    (tmp_path / "catalogue.csv").write_text("file,title\na.mid,Air\n")
    with pytest.raises(UserError, match="no column 'path'"):
        know(tmp_path, ["a.mid"])
    (tmp_path / "catalogue.csv").write_bytes(b"path\nf\xfcr.mid\n")
    with pytest.raises(UserError, match="cannot be read"):
        know(tmp_path, ["a.mid"])


def test_only_frequent_names_get_an_id_most_notes_first():
    vocabulary = Vocabulary()
    vocabulary.add(Labels(style="folk", composer="A"), 20, 100)
    vocabulary.add(Labels(style="jazz", composer="B"), 30, 20_000)
    vocabulary.add(Labels(style="rare", composer="C"), 19, 1_000_000)
    vocabulary.add(Labels(composer="D"), 9, 1_000_000)
    assert vocabulary.styles() == ("jazz", "folk")
    assert vocabulary.composers() == ("C", "B")
    for n in range(200):
        vocabulary.add(Labels(style=f"style {n}", composer=f"composer {n}"), 50, 50_000 + n)
    assert len(vocabulary.styles()) == 64
    assert len(vocabulary.composers()) == 128
    assert vocabulary.styles()[0] == "style 199"


def test_the_chorales_are_bachs(tmp_path):
    librarian = Librarian()
    known = librarian.know(Entry("bach/bwv1.6.mxl", "bwv1.6.mxl", tmp_path, "bach", 3000))
    assert known.labels.composer == "Bach, Johann Sebastian"
    assert "music21" in known.labels.licence
