"""The command line: every command on a little music, every mistake as one sentence."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mido
import numpy as np
import pytest
from music_made_here import band, choir, overlaps, piece_of
from pydantic import Field

import bandmate
from bandmate.cli import INTERRUPTED, main
from bandmate.codecs import CODECS
from bandmate.codecs.learnt import with_words_of
from bandmate.commands.compose import _options_of
from bandmate.commands.pieces import MOST_SHOWN
from bandmate.commands.results import free, place
from bandmate.families import FAMILIES
from bandmate.model import Model, Options
from bandmate.music.clean import Filters
from bandmate.music.files import read, write
from bandmate.settings import UserError

COMMANDS = ("generate", "continue", "complete", "infill", "accompany", "vary", "humanize", "quantize", "render", "sheet",
            "info", "tokens", "search",
            "corpora", "fetch", "prepare", "train bands", "models", "export", "benchmark speed", "benchmark obedience",
            "benchmark jsb", "benchmark frames", "benchmark style", "benchmark failings", "benchmark collapse",
            "benchmark latents", "benchmark styles", "recognise train", "recognise file", "rhythm euclid",
            "rhythm named", "rhythm random", "vocabulary", "studio", "evaluate", "compare", "copies", "leaks")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A tiny model that has learnt nothing."""
    from bandmate.checkpoint import save
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    kind = FAMILIES["bands"]
    save(kind(kind.Config(**kind.SIZES["tiny"].config), kind.Codec()), path, {"note": "has learnt nothing"})
    return path


@pytest.fixture
def song(tmp_path) -> Path:
    """A song for four instruments."""
    write(band(), tmp_path / "song.mid")
    return tmp_path / "song.mid"


def mistake(capsys, *words: str) -> str:
    """Run a command line that is wrong; return the one sentence."""
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    said = [line for line in shown.err.splitlines() if "━" not in line]  # progress bars
    assert len(said) == 1
    assert said[0].startswith("bandmate: ")
    return said[0]


def lines(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_help_needs_no_torch():
    script = ("import sys, bandmate, bandmate.cli; assert bandmate.cli.main(['--help']) == 0; "
              "bandmate.UserError, bandmate.read; assert 'torch' not in sys.modules and 'lightning' not in sys.modules")
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    for command in COMMANDS:
        assert command.split()[0] in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_and_an_example(command, capsys):
    assert main([*command.split(), "--help"]) == 0
    assert f"Example: bandmate {command}" in capsys.readouterr().out


def test_flags_of_generate_are_the_options(capsys):
    main(["generate", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", "").split())
    for name, field in Options.model_fields.items():
        if name in ("task", "region", "at", "amount", "keep", "fresh"):  # these belong to work on a piece
            assert f"--{name}" not in shown
            continue
        assert f"--{name.replace('_', '-')}" in shown
        assert str(field.description).split(";")[0].replace("`", "").split(".")[0] in shown
    assert "--drums --no-drums" in shown
    assert "--no-instruments" not in shown
    assert "--empty" not in shown


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_flags_of_a_command_have_one_name(family):
    """Two Settings that are flattened into one command with one field name collide without a word."""
    from bandmate.run import Training
    own = {"data", "run", "size", "resume", "from_", "from"}
    shape, training = set(FAMILIES[family].Config.model_fields), set(Training.model_fields)
    assert not shape & training
    assert not (shape | training) & own
    assert not set(FAMILIES[family].Options.model_fields) & {"model", "out", "soundfont"}
    assert not set(Filters.model_fields) & {"places", "codec", "workers", "bangers"}


def test_a_family_has_flags_of_its_own(capsys, monkeypatch, tmp_path):
    class OwnOptions(Options):
        swing: float = Field(0, ge=0, le=1, description="How much the eighths swing.")

    class Own(FAMILIES["bands"]):
        Options = OwnOptions

    from bandmate.checkpoint import save
    monkeypatch.setitem(FAMILIES, "own", Own)
    save(Own(Own.Config(**Own.SIZES["tiny"].config), Own.Codec()), tmp_path / "own.safetensors")
    assert _options_of(str(tmp_path / "own.safetensors"), ()) is OwnOptions
    assert main(["generate", "--model", "own.safetensors", "--help"]) == 0
    assert "How much the eighths swing" in capsys.readouterr().out
    assert main(["train", "own", "--help"]) == 0
    assert "--width" in capsys.readouterr().out


def test_generate(capsys, model):
    words = ["generate", "--model", str(model), "--bars", "2", "--instruments", "piano,bass", "--drums", "--tempo", "100"]
    assert main([*words, "--out", "music/first"]) == 0
    shown = capsys.readouterr()
    written = [Path(line) for line in shown.out.splitlines()]
    assert sorted(path.name for path in written) == ["first.json", "first.mid", "first.mp3", "first.musicxml", "first.png"]
    assert all(path.stat().st_size > 100 for path in written)
    story = json.loads(Path("music/first.json").read_text())
    assert f"seed {story['seed']}" in shown.err
    assert story["instruments"] == ["piano", "bass"]
    assert story["model"]["name"] == str(model)
    assert len(story["model"]["sha256"]) == 64
    assert {"python", "bandmate", "torch", "symusic", "numpy"} <= set(story["versions"])
    midi = mido.MidiFile(written[0])
    assert (midi.type, midi.ticks_per_beat) == (1, 480)
    assert not overlaps(read(written[0]))

    # the same request and seed write the same piece, under a new name
    assert main([*words, "--seed", str(story["seed"]), "--out", "music/first"]) == 0
    again = [Path(line) for line in lines(capsys)]
    assert again[0].name == "first-2.mid"
    assert again[0].read_bytes() == written[0].read_bytes()


def test_ctrl_c_keeps_what_stands(capsys, model, monkeypatch):
    @contextmanager
    def bar(label: str) -> Iterator[Callable[..., None]]:
        def show(share: float) -> None:
            if label.startswith("composing") and share >= 0.5:
                raise KeyboardInterrupt
        yield show

    monkeypatch.setattr("bandmate.commands.compose.progress_bar", bar)
    words = ["generate", "--model", str(model), "--bars", "8", "--instruments", "piano", "--seed", "1", "--out", "part"]
    assert main(words) == INTERRUPTED
    assert "stopped; what was written until then is kept" in capsys.readouterr().err
    assert json.loads(Path("part.json").read_text())["stopped"] is True
    assert len(read("part.mid").tracks[0].notes) > 0
    assert read("part.mid").tracks[0].notes[-1].time < 5 * 4 * 480


def test_generate_draws_a_seed_and_finds_a_name(capsys, model):
    words = ["generate", "--model", str(model), "--bars", "1", "--variants", "2", "--instruments", "flute", "--no-drums"]
    assert main(words) == 0
    written = lines(capsys)
    assert [name for name in written if name.endswith(".mid")] == ["out/tiny.mid", "out/tiny-2.mid"]
    stories = [json.loads(Path(name).read_text()) for name in written if name.endswith(".json")]
    assert [story["variant"] for story in stories] == [0, 1]
    assert stories[0]["seed"] == stories[1]["seed"] != 0
    assert f"--instruments flute --no-drums --seed {stories[0]['seed']} --variants 2" in stories[0]["command"]


@pytest.mark.parametrize(("words", "bars"), [
    (["continue", "--bars", "2"], 6), (["infill", "--bars", "2-3", "--instruments", "bass"], 4),
    (["accompany", "--instruments", "strings"], 4), (["vary", "--bars", "1", "--amount", "0.5", "--keep", "rhythm"], 4)])
def test_work_on_a_piece(capsys, model, song, words, bars):
    task, *rest = words
    assert main([task, str(song), "--model", str(model), *rest, "--seed", "3", "--out", "made/"]) == 0
    written = lines(capsys)
    assert sorted(Path(name).name for name in written) == sorted(
        f"song-{task}.{ending}" for ending in ("mid", "mp3", "png", "musicxml", "json"))
    midi = mido.MidiFile(f"made/song-{task}.mid")
    assert (bars - 1) * 1920 < max(sum(message.time for message in track) for track in midi.tracks) <= bars * 1920 + 1
    record = json.loads(Path(f"made/song-{task}.json").read_text())
    assert record["task"] == task
    assert record["prompt"]["name"] == "song.mid"
    assert record["written_quarters"]
    words = record["command"].split()[1:]
    assert main([*words, "--out", "again"]) == 0
    assert Path("again.mid").read_bytes() == Path(f"made/song-{task}.mid").read_bytes()


def test_data_like_that_of_a_model_teaches_it_more(capsys, model, song):
    write(band(8), Path("other.mid"))
    assert main(["prepare", str(song), "other.mid", "data", "--like", str(model)]) == 0
    assert main(["train", "bands", "data", "run", "--from", str(model), "--steps", "1", "--length", "64", "--batch", "1"]) == 0
    assert Path("run/best.safetensors").exists()


def test_render(capsys, song):
    assert main(["render", str(song)]) == 0
    assert sorted(lines(capsys)) == [str(song.with_suffix(ending)) for ending in (".mp3", ".musicxml", ".png")]
    score = song.with_suffix(".musicxml")
    assert main(["render", str(score), "--out", "elsewhere/"]) == 0
    assert sorted(lines(capsys)) == [f"elsewhere/song.{ending}" for ending in ("mid", "mp3", "png")]
    assert len(read("elsewhere/song.mid").tracks) >= 3


def test_a_wrong_sound_font_costs_only_the_sound(capsys, song):
    assert main(["render", str(song), "--soundfont", "no.sf2"]) == 2
    shown = capsys.readouterr()
    assert "no .mp3 was written: " in shown.err
    assert "no.sf2" in shown.err
    assert sorted(shown.out.split()) == [str(song.with_suffix(ending)) for ending in (".musicxml", ".png")]


def test_sheet(capsys, song):
    assert main(["sheet", str(song)]) == 0
    pages = lines(capsys)
    assert pages[0] == str(song.with_name("song-1.svg"))
    assert all("<svg" in Path(page).read_text() for page in pages)
    assert main(["sheet", str(song), "--out", "pages/"]) == 0
    assert lines(capsys)[0] == "pages/song-1.svg"
    assert main(["sheet", str(song)]) == 0
    assert lines(capsys)[0] == str(song.with_name("song-2-1.svg"))  # what is there stays


def test_info(capsys, song):
    assert main(["info", str(song)]) == 0
    shown = capsys.readouterr().out
    assert "bars               4\n" in shown
    assert "tempo              100" in shown
    assert "drums: 16 notes" in shown


@pytest.mark.parametrize("codec", CODECS)
def test_tokens(capsys, song, codec):
    if codec == "voices":
        write(choir(), song)
    assert main(["tokens", str(song), "--codec", codec]) == 0
    shown = lines(capsys)
    reader = with_words_of(CODECS[codec](), [read(song)])
    ids = reader.encode(read(song))
    if ids.shape[1] <= MOST_SHOWN:  # of longer rows only the words are shown
        assert [[int(word) for word in line.split()[1:1 + ids.shape[1]]] for line in shown] == ids.tolist()
    assert [line.split("  ")[-1].strip() for line in shown] == [word.split("  ")[-1].strip() for word in reader.words(ids)]


def test_a_closed_pipe_is_no_mistake(song):
    """As in `bandmate tokens song.mid | head -1`."""
    write(band(400), song)
    with subprocess.Popen([sys.executable, "-m", "bandmate", "tokens", str(song)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_ctrl_c(capsys, monkeypatch, song):
    def stopped(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("bandmate.commands.pieces.read", stopped)
    assert main(["info", str(song)]) == 130
    assert capsys.readouterr().err == "\nbandmate: stopped\n"


def test_prepare_train_and_all_that_follows(capsys, tmp_path):
    (tmp_path / "midis").mkdir()
    for number in range(12):
        random = np.random.default_rng(number)
        tune = [(float(beat), 1.0, int(random.integers(50, 80)), 90) for beat in range(128)]
        write(piece_of({0: tune, 33: [(start, length, pitch - 24, 75) for start, length, pitch, _ in tune[::2]]}),
              tmp_path / "midis" / f"{number}.mid")
    assert "nothing usable" in mistake(capsys, "prepare", "midis", "strict", "--workers", "1", "--min-notes", "500")
    assert "nothing usable" in mistake(capsys, "prepare", "midis", "stricter", "--workers", "1", "--bangers")
    assert main(["prepare", "midis", "data", "--workers", "1"]) == 0
    assert "12 pieces used" in capsys.readouterr().out
    words = ["train", "bands", "data", "run", "--size", "tiny", "--width", "32", "--heads", "1", "--length", "64",
             "--batch", "2", "--evaluate-every", "2", "--accelerator", "cpu", "--threads", "1"]
    assert main([*words, "--steps", "2"]) == 0
    assert {f"run/{name}" for name in ("best.safetensors", "last.safetensors", "metrics.csv", "run.json", "curves.png")
            } <= set(lines(capsys))
    assert json.loads(Path("run/run.json").read_text())["config"]["width"] == 32
    assert main(["train", "bands", "data", "run", "--resume", "--steps", "4"]) == 0
    assert "trained 4 steps" in capsys.readouterr().err
    assert main(["train", "bands", "data", "fine", "--from", "run", "--steps", "2", "--threads", "1"]) == 0
    assert "before" in capsys.readouterr().err
    assert main(["models", "run", "fine"]) == 0
    assert "family: bands" in capsys.readouterr().out
    assert main(["generate", "--model", "run", "--bars", "1"]) == 0
    assert lines(capsys)[0] == "out/run.mid"
    assert "already holds a run" in mistake(capsys, *words)


def test_export(capsys, model, tmp_path):
    kind, codec = FAMILIES["bands"], CODECS["triples"]
    from bandmate.checkpoint import save
    stream = kind.Config(**{**kind.SIZES["tiny"].config, "form": "stream"})
    save(kind(stream, codec()), tmp_path / "stream.safetensors")
    assert main(["export", "stream.safetensors", "llama"]) == 0
    assert {"llama/config.json", "llama/model.safetensors"} <= set(lines(capsys))
    assert "Llama" in mistake(capsys, "export", str(model), "other")


def test_corpora(capsys):
    assert main(["corpora"]) == 0
    shown = capsys.readouterr().out
    assert "1.77 GB, CC-BY-4.0" in shown
    assert "[not for commercial use]" in shown


def test_fetch_asks_first(capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert "ask again with --accept-licence" in mistake(capsys, "fetch", "groove", "corpora")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(["fetch", "maestro", "corpora"]) == 2
    shown = capsys.readouterr().err
    assert "licence: CC-BY-NC-SA-4.0\nmark: not for commercial use\nDo you accept it? [y/N]" in shown
    assert not Path("corpora").exists()


@pytest.mark.parametrize(("words", "sentence"), [
    ("info nowhere.mid", "there is no file 'nowhere.mid'"),
    ("info .", "is a folder; one music file was expected"),
    ("render nowhere.mid", "there is no file"),
    ("tokens song.mid --codec tripels", "there is no codec 'tripels'; did you mean 'triples'"),
    ("render song.mid --out song.mid/x", "is a file, not a folder"),
    ("generate --model nomodel", "there is no model 'nomodel'"),
    ("generate --model song.mid", "no whole model file"),
    ("generate --model MODEL --bars 0", "bars is 0; input should be greater than or equal to 1"),
    ("generate --model MODEL --bars many", "bars is 'many'; input should be a valid integer"),
    ("generate --model MODEL --instruments paino", "there is no instrument 'paino'; did you mean 'piano'"),
    ("generate --model MODEL --instruments drums --no-drums", "drums are among the instruments and are also switched off"),
    ("generate --model MODEL --key Q", "'Q' is not a key"),
    ("generate --model MODEL --temperature -1", "greater than or equal to 0"),
    ("generate --model MODEL --bar 4", 'Unknown option: --bar. Did you mean --bars?'),
    ("generate --model MODEL --bars 1 --out song.mid/x", "is a file, not a folder"),
    ("prepare midis", "at least one source and then a folder were expected"),
    ("prepare nothing data", "nothing"),
    ("prepare song.mid data --workers 0", "workers is 0"),
    ("prepare song.mid data --codec bras", "there is no codec 'bras'; did you mean 'bars'"),
    ("train bends data run", 'Unknown command "bends". Did you mean "bands"?'),
    ("train bands nowhere run", "there is no prepared music in 'nowhere'"),
    ("train bands data", "--run"),
    ("train bands nowhere run --steps 0", "steps is '0'"),
    ("fetch lahk-full corpora", "there is no corpus 'lahk-full'; did you mean 'lakh-full'"),
    ("models nowhere", "there is no model 'nowhere'"),
    ("generat", 'Unknown command "generat". Did you mean "generate"?'),
])
def test_mistakes(capsys, model, song, words, sentence):
    assert sentence in mistake(capsys, *words.replace("MODEL", str(model)).split())


def test_a_folder_that_may_not_be_written(capsys, song, monkeypatch):
    def refuse(*words, **more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert "may not be written (no permission)" in mistake(capsys, "render", str(song))


def test_places(tmp_path):
    assert place(None, "bands") == Path("out/bands")
    assert Path("out").is_dir()
    assert place("a/b.mid", "bands") == Path("a/b")
    assert place("a/b.c", "bands") == Path("a/b.c")
    assert place("a", "bands") == Path("a/bands")
    assert place("new/", "bands") == Path("new/bands")
    Path("a/b.mp3").touch()
    Path("a/b-2.mid").touch()
    assert free(Path("a/b"), ".mid", ".mp3") == Path("a/b-3")
    assert free(Path("a/b"), ".png") == Path("a/b")


def test_public_names(tmp_path, monkeypatch):
    for name in bandmate.__all__:
        assert getattr(bandmate, name)
    with pytest.raises(AttributeError, match="bandmate has no 'wrte'; it has "):
        bandmate.wrte  # noqa: B018
    with pytest.raises(UserError, match="there is no family 'bends'; did you mean 'bands'"):
        bandmate.prepare("bends", "midis", "data")
    asked = []
    monkeypatch.setattr("bandmate.data.prepare.prepare", lambda *words, **choices: asked.append((words, choices)))
    bandmate.prepare("bands", tmp_path, "data", workers=2)
    assert asked == [(([str(tmp_path)], "data"), {"codec": "bars", "workers": 2})]
    assert issubclass(FAMILIES["bands"], Model)
