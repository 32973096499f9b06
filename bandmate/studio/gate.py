"""The gate before the page: no path and no address that a client names is ever opened, only what it has uploaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 2**20  # of a request in JSON; files come another way
TOO_LONG = f"the request is longer than {MOST_BYTES} bytes; upload files, and name what the upload answers"
REFUSED = "the request names a file that was not uploaded; upload it first, and name what the upload answers"


class Gate:
    """Let requests pass whose files all lie in the folder of uploads."""

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        self.app, self.uploads = app, uploads.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look into what is posted as JSON; pass all else on."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or scope["method"] != "POST" or headers.get(b"content-type", b"").startswith(b"multipart/"):
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more and len(body) <= MOST_BYTES:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            await JSONResponse({"error": TOO_LONG}, 413)(scope, receive, send)
            return
        try:
            told = json.loads(body) if body else None
        except ValueError:
            told = None
        if not self.allows(told, headers.get(b"host", b"").decode("latin-1")):
            await JSONResponse({"error": REFUSED}, 403)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    def allows(self, told: Any, host: str) -> bool:
        """Tell whether each file that is named somewhere in a request was uploaded, and lies with this ``host``."""
        if isinstance(told, list):
            return all(self.allows(one, host) for one in told)
        if not isinstance(told, dict):
            return True
        if "path" in told or "meta" in told:
            path = told.get("path")
            if not isinstance(path, str) or not Path(path).resolve().is_relative_to(self.uploads):
                return False
            if told.get("url") and urlsplit(str(told["url"])).netloc not in ("", host):
                return False
        return all(self.allows(one, host) for one in told.values())
