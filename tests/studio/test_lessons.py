"""What the training tab asks for reaches the commands that train."""

from __future__ import annotations

import csv
from pathlib import Path

import gradio as gr
import pytest

from bandmate.settings import UserError
from bandmate.studio.train import TUNED, Lesson


def write_table(path: Path, columns: str, rows: list[str]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([line.split(",") for line in [columns, *rows]])


@pytest.mark.parametrize(("family", "learner"), [(TUNED, "bands"), ("markov", "markov")])
def test_who_learns_for_how_long_and_from_what(desk, tmp_path, monkeypatch, family, learner):
    commands = []

    def run(lesson, words):
        commands.append(words)
        if words[0] == "prepare":
            music = sorted(path.name for path in Path(words[1]).iterdir())
            assert music == ["0000-one.mid", "0001-two.mid"]
            data = Path(words[2])
            data.mkdir()
            write_table(data / "pieces.csv", "split,path", ["train,a"] * 3)
            write_table(data / "rejected.csv", "path,reason", ["0001-two.mid,too few notes"])
        yield from ()

    monkeypatch.setattr(Lesson, "_run", run)
    for name in ("one.mid", "two.mid"):
        (tmp_path / name).write_bytes(b"")
    request = gr.Request(headers={"accept-language": "pl"}, session_hash="learner")
    *_, last = Lesson(desk, request, family, 7).give([str(tmp_path / name) for name in ("one.mid", "two.mid")])
    assert last[1]["value"]["data"] == [["two.mid", "za mało nut"]]
    prepare, train = commands
    assert ("--like" in prepare) == ("--from" in train) == (family == TUNED)
    assert train[1] == learner
    assert train[train.index("--minutes") + 1] == "7"


def test_too_little_music_is_told(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(Lesson, "_run", lambda lesson, words: iter(()))
    (tmp_path / "one.mid").write_bytes(b"")
    request = gr.Request(headers={"accept-language": "zh"}, session_hash="learner")
    with pytest.raises(UserError, match="请添加更多音乐"):
        list(Lesson(desk, request, TUNED, 7).give([str(tmp_path / "one.mid")]))
