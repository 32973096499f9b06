"""Serve the studio: the page, and the files of what was written."""

from __future__ import annotations

import errno
import os
import socket

import gradio as gr
import uvicorn
from fastapi import FastAPI, Response

from bandmate.settings import UserError
from bandmate.studio.desk import Desk
from bandmate.studio.gate import Gate
from bandmate.studio.head import Head
from bandmate.studio.page import STYLE, build
from bandmate.studio.phrases import I18N
from bandmate.studio.uploads import MEGABYTES

HERE = "127.0.0.1"
PORT = 7860
FONTS, FONTS_OF_NUMBERS = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]  # what is there: nothing is fetched
TRIES = 100  # ports


def make_app(desk: Desk) -> FastAPI:
    """Return the whole studio as an application."""
    uploads = desk.folder / "uploads"
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # where the framework puts files; they go with the studio
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Gate, uploads=uploads)
    app.add_middleware(Head)

    @app.get("/made/{token}/{name}")
    def made(token: str, name: str) -> Response:
        try:
            data, kind = desk.shelf.file(token, name)
        except UserError as error:
            return Response(str(error), 404, media_type="text/plain")
        return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})

    return gr.mount_gradio_app(app, build(desk), path="/", i18n=I18N, css=STYLE, max_file_size=MEGABYTES * 2**20,
                               theme=gr.themes.Soft(font=FONTS, font_mono=FONTS_OF_NUMBERS), footer_links=["api"],
                               show_error=True, ssr_mode=False)


def free_port(host: str, port: int) -> int:
    """Return the first port from ``port`` on that is free. Raises UserError if none of the next hundred is."""
    for candidate in range(port, min(port + TRIES, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise UserError(f"the studio cannot listen on {host}:{candidate} ({error.strerror}); an address of this "
                                    "computer and a free port were expected; try --host 127.0.0.1 --port 7860") from None
                continue
            return candidate
    raise UserError(f"no port from {port} on is free; name another with --port")


def serve(desk: Desk, host: str = HERE, port: int = PORT) -> None:
    """Serve until Ctrl-C."""
    uvicorn.run(make_app(desk), host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
