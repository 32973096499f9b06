"""A studio that runs while the tests of its page run, and a browser to visit it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import uvicorn
from music_made_here import band, piece_of
from playwright.sync_api import Browser, sync_playwright

from bandmate.checkpoint import save
from bandmate.codecs import make_codec
from bandmate.codecs.learnt import with_words_of
from bandmate.families import FAMILIES
from bandmate.studio.desk import Desk
from bandmate.studio.models import Models
from bandmate.studio.server import make_app

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CODECS = {"lstm": "names", "rhythm_net": "names:rhythm=joint"}
"""Codecs of tiny models where they are not the family's own: one knows pitches alone, one rhythm alone."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """What is shipped, and a tiny model of each family that has learnt nothing: "tiny" of bands, "tiny-gru" and so on."""
    folder = tmp_path_factory.mktemp("studio")
    scale = piece_of({0: [(number / 2, 0.5, 48 + number, 90) for number in range(36)]})
    paths = []
    for family, kind in FAMILIES.items():
        if family == "chords":  # is shipped
            continue
        torch.manual_seed(0)
        codec = with_words_of(make_codec(CODECS[family]), [scale]) if family in CODECS else kind.Codec()
        paths.append(folder / ("tiny.safetensors" if family == "bands" else f"tiny-{family}.safetensors"))
        model = kind(kind.Config(**kind.SIZES["tiny"].config), codec)
        if family == "markov":  # counts nothing until it has heard something
            ids = torch.from_numpy(codec.encode(band(8)).astype(np.int64))[None]
            model.step({"ids": ids, "given": torch.zeros_like(ids[..., 0], dtype=torch.bool)}, model.optimizers(1e-3),
                       lambda loss: loss.backward())
        save(model, paths[-1], {"note": "has learnt nothing"})
    return Desk(Models(list(map(str, paths))))


@pytest.fixture(scope="session")
def address(desk: Desk) -> Iterator[str]:
    """The address of a running studio."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(make_app(desk), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    server.force_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Chromium; on Debian root may install it."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run("apt-get update -qq; timeout 400 apt-get install -y -qq --no-install-recommends chromium", shell=True,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdin=subprocess.DEVNULL, capture_output=True)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no Chromium, and no right to install it; install it (on Debian: apt-get install chromium), "
                    "then run: make test")
    return Path(found)


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """A browser without a screen."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield opened
        opened.close()
