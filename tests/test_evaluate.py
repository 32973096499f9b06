"""The judge and the comparison: any folder of music beside real music, and models beside each other."""

import json
import zipfile
from pathlib import Path

import pytest
from music_made_here import band, piece_of

from bandmate.cli import main
from bandmate.data.collection import collect
from bandmate.judge import judge
from bandmate.metrics.measures import MEASURES
from bandmate.music.files import write
from bandmate.settings import UserError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def folder(name: str, pieces) -> str:
    Path(name).mkdir()
    for number, piece in enumerate(pieces):
        write(piece, Path(name) / f"{number}.mid")
    return name


def melody(pitch: int):
    """Eight quarters of a flute, up and down."""
    return piece_of({73: [(quarter, quarter + 1, pitch + quarter % 3, 80) for quarter in range(8)]})


@pytest.fixture
def bands() -> str:
    return folder("bands", [band(bars) for bars in (2, 3, 4, 5, 6)])


def test_a_collection_says_what_it_leaves_out(bands):
    Path("bands/bad.mid").write_bytes(b"MThd\0\0\0\6broken")
    write(piece_of({}), Path("bands/silent.mid"))
    with zipfile.ZipFile("bands/more.zip", "w") as archive:
        archive.write("bands/0.mid", "inside.mid")
    found = collect("bands")
    assert [named.name for named in found.pieces] == ["0.mid", "1.mid", "2.mid", "3.mid", "4.mid", "more.zip/inside.mid"]
    assert set(found.skipped) == {"bad.mid", "silent.mid"}
    assert found.skipped["silent.mid"] == "no notes"
    assert len(collect("bands", 2, seed=1).pieces) <= 2
    assert collect("bands", 3, seed=4).digest == collect("bands", 3, seed=4).digest
    Path("empty").mkdir()
    Path("empty/a.txt").write_text("no music")
    with pytest.raises(UserError, match="no music in 'empty'"):
        collect("empty")


def test_the_judge_says_why_a_measure_has_no_value(bands):
    flutes = collect(folder("flutes", [melody(60), melody(64), melody(67)]))
    report = judge(flutes, collect(bands))
    assert set(report["measures"]) == set(MEASURES)
    entropy = report["measures"]["pitch-class entropy"]
    assert entropy["new"]["mean"] == pytest.approx(1.561278, abs=1e-5)  # three pitch classes: 3, 3 and 2 of 8
    assert entropy["new"]["deviation"] == pytest.approx(0)
    assert entropy["real"]["count"] == 5
    assert entropy["noise"] >= 0
    fifths = report["measures"]["parallel fifths"]
    assert fifths["new"] == {"count": 0, "mean": "n/a", "deviation": "n/a", "undefined": {"n/a: not in four voices": 3}}
    assert "DP drums" not in report["band"]["paper"]["new"]
    assert report["band"]["paper"]["real"]["DP drums"] > 0
    assert report["n-grams"]["halves of the real set"]["bleu"] > 0.3 > report["n-grams"]["new"]["bleu"]
    assert "NaN" not in json.dumps(report)
    assert judge(flutes, collect(bands)) == report


def test_music_is_most_like_itself(bands):
    report = judge(collect(bands), collect(bands))
    assert report["band"]["paper"]["relative error"] == 0
    assert all(row["new"]["mean"] == row["real"]["mean"] for row in report["measures"].values())
    assert report["n-grams"]["new"]["cumulative"] == pytest.approx([1] * 9)


def test_evaluate_writes_a_page_and_numbers(capsys, bands):
    folder("flutes", [melody(60), melody(64)])
    assert main(["evaluate", "flutes", "--against", bands, "--out", "report"]) == 0
    assert capsys.readouterr().out.split() == ["report/report.html", "report/report.json"]
    page = Path("report/report.html").read_text()
    assert page.count("<img") == 3
    assert "not in four voices" in page
    assert ">nan" not in page
    numbers = json.loads(Path("report/report.json").read_text())
    assert numbers["new"]["pieces"] == 2
    assert len(numbers["new"]["sha256"]) == 64
    assert {"python", "bandmate", "numpy"} <= set(numbers["versions"])


@pytest.mark.parametrize(("words", "said"), [
    (["evaluate", "one", "--against", "bands"], "the new set 'one' has 1 piece"),
    (["evaluate", "bands", "--against", "nowhere"], "no file or folder 'nowhere'"),
    (["evaluate", "bands", "--against", "bands", "--most", "-1"], "most is -1"),
    (["compare", "--data", "bands"], "no model was named"),
    (["compare", "bands", "--data", "bands"], "no prepared music in 'bands'")])
def test_mistakes(capsys, bands, words, said):
    folder("one", [band(2)])
    assert main(words) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_compare_puts_families_and_people_in_one_table(capsys, tmp_path):
    source = Path("music")
    source.mkdir()
    for number in range(24):
        notes = [(step / 2, step / 2 + 0.5, 48 + (step * (number + 3)) % 24, 60 + number) for step in range(16 + number)]
        write(piece_of({0: notes, 33: [(beat, beat + 1, 36 + (beat * number) % 12, 90) for beat in range(8)]}),
              source / f"{number}.mid")
    assert main(["prepare", "music", "data"]) == 0
    assert main(["train", "markov", "data", "counted", "--steps", "3", "--length", "64", "--batch", "4"]) == 0
    capsys.readouterr()
    words = ["compare", "counted", "--data", "data", "--pieces", "2", "--bars", "5", "--requests", "3", "--real", "4"]
    code = main([*words, "--out", "docs"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    table = Path("docs/comparison.md").read_text()
    assert "| | counted | people |" in table
    assert "held-out nats a note" in table
    assert "| 100.0 |" in table  # obedience
    assert Path("docs/comparison.png").stat().st_size > 10_000
