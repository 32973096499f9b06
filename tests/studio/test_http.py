"""The studio over HTTP: the examples of docs/studio.md, mistakes, many visitors at once, and nobody else's files."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from music_made_here import band

from bandmate.music.files import describe, read, write

GUIDE = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
VISITORS = 50
PATIENT = {"timeout": 180}


def example(language: str, address: str) -> str:
    """Return an example of the guide, for a studio at an address."""
    [code] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)
    return code.replace("http://127.0.0.1:7860", address)


def post(address: str, path: str, told: object) -> tuple[int, str]:
    """Post JSON; return the status and the answer."""
    request = urllib.request.Request(f"{address}/gradio_api/{path}", json.dumps(told).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_the_example_for_python(address):
    names: dict[str, object] = {}
    exec(example("python", address), names)
    assert names["asked"]["seed"] == 7
    song = describe(read(names["song"]))
    assert song["bars"] == 4
    assert {track["instrument"] for track in song["tracks"]} == {"acoustic grand piano", "finger bass", "drums"}
    assert len(names["files"]) == 1


def test_the_example_for_the_shell(address, tmp_path):
    subprocess.run(["bash", "-c", example("sh", address)], cwd=tmp_path, check=True, timeout=120)
    assert describe(read(tmp_path / "piece.mid"))["bars"] == 4


@pytest.mark.parametrize(("told", "sentence"), [
    ({"bars": 0}, "greater than or equal to 1"), ({"instruments": ["pinao"]}, "did you mean 'piano'"),
    ({"model": "/etc/passwd"}, "there is no model"), ([1], "no JSON object"), ({"bars": 200}, "at most 128 bars"),
    ({"nonsense": 1}, "no setting 'nonsense'"),
])
def test_a_mistake_is_a_sentence(address, told, sentence):
    with pytest.raises(AppError, match=f"(?i){re.escape(sentence)}"):
        Client(address, verbose=False).predict(told, api_name="/compose")


def test_no_path_of_a_client_is_opened(address, tmp_path):
    write(band(1), tmp_path / "secret.mid")
    file = {"path": str(tmp_path / "secret.mid"), "meta": {"_type": "gradio.FileData"}}
    for path in ("call/continue_piece", "queue/join", "run/continue_piece", "api/continue_piece"):
        status, answer = post(address, path, {"data": [file, {"bars": 1}], "session_hash": "x", "fn_index": 1})
        assert status == 403
        assert "not uploaded" in answer
    for path in (tmp_path / "secret.mid", Path(__file__)):
        with pytest.raises(HTTPError):
            urllib.request.urlopen(f"{address}/gradio_api/file={path}", timeout=20)


def test_a_long_request_is_refused(address):
    assert post(address, "call/compose", {"data": ["x" * 2**20]})[0] == 413


def test_an_upload_that_is_too_large_is_refused(address, tmp_path):
    (tmp_path / "large.mid").write_bytes(bytes(6 * 2**20))
    status = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-F", f"files=@{tmp_path}/large.mid",
                             f"{address}/gradio_api/upload"], capture_output=True, text=True, timeout=60).stdout
    assert status == "413"


def test_nobody_guesses_a_piece(address, desk):
    token = desk.shelf.put(band(1), {"seed": 1, "variant": 0, "model": {"name": "tiny"}})
    with urllib.request.urlopen(f"{address}/made/{token}/piece.mid", timeout=20) as answer:
        assert answer.read() == band(1).dumps_midi()
    other = "x" if token[-1] != "x" else "y"
    for path in (f"{token[:-1]}{other}/piece.mid", f"{token}/piece.exe", f"{token}/..%2F..%2Fpiece.mid"):
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/made/{path}", timeout=20)


def test_fifty_visitors_at_once_are_all_served(address, tmp_path):
    """Each gets the piece asked for, and no other: the seed, the tempo and the number of bars are its own."""
    def visit(number: int) -> tuple[int, dict, Path]:
        client = Client(address, verbose=False, download_files=str(tmp_path / str(number)), httpx_kwargs=PATIENT)
        files, asked = client.predict({"model": "tiny", "bars": 1 + number % 3, "tempo": 60 + number, "seed": number,
                                       "instruments": ["piano"]}, api_name="/compose")
        return number, asked, Path(files[0])

    with ThreadPoolExecutor(VISITORS) as crowd:
        served = list(crowd.map(visit, range(VISITORS)))
    for number, asked, file in served:
        assert (asked["seed"], asked["tempo"]) == (number, 60 + number)
        piece = describe(read(file))
        assert piece["tempo"] == pytest.approx(60 + number, abs=0.01)
        assert piece["bars"] == 1 + number % 3
