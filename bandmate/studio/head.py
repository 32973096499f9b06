"""Languages that the framework of the page does not know.

It takes a browser that speaks one of them for an English one; so a script at the head of the page tells it that this
language is what English is.
"""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNKNOWN = {"el": {"upload_text.drop_file": "Αφήστε το αρχείο εδώ", "upload_text.or": "ή",
                  "upload_text.click_to_upload": "Κάντε κλικ για μεταφόρτωση"}}
"""These languages, with those of the framework's own words that our page shows."""

SCRIPT = """<script>
(() => {
  const unknown = UNKNOWN, language = (navigator.language || "en").slice(0, 2);
  let config;
  const teach = (told) => {
    const ours = unknown[language] && told?.i18n_translations?.[language];
    if (ours) told.i18n_translations.en = { ...ours, ...unknown[language] };
    return told;
  };
  Object.defineProperty(window, "gradio_config", { get: () => config, set: (told) => { config = teach(told); } });
})();
</script>""".replace("UNKNOWN", json.dumps(UNKNOWN), 1).encode()


class Head:
    """Put the script at the head of the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Change the page itself; pass all else on."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self.app(scope, receive, send)
            return
        begun: Message = {}
        body = b""

        async def change(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                begun = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            whole = body.replace(b"<head>", b"<head>" + SCRIPT, 1)
            kept = [(name, value) for name, value in begun["headers"] if name.lower() != b"content-length"]
            await send({**begun, "headers": [*kept, (b"content-length", str(len(whole)).encode())]})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, change)
