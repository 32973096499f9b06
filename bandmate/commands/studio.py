"""The command that opens the studio."""

from __future__ import annotations

import webbrowser
from threading import Timer

from bandmate.commands.screen import say
from bandmate.settings import UserError

OPENS_AFTER_S = 2.0


def studio(*models: str, host: str = "127.0.0.1", port: int = 7860, open_page: bool = True) -> None:
    """Open a page to make music with, in your browser. It runs on this computer, without an account or a network.

    Example: `bandmate studio`

    Parameters
    ----------
    models:
        Further models to offer: .safetensors files or run folders.
    host:
        Address to listen on. 127.0.0.1 is this computer alone; 0.0.0.0 lets everybody in who can reach it.
    port:
        Port to listen on; if it is taken, the next free one.
    open_page:
        Open the page in the browser.
    """
    try:
        from bandmate.studio.server import free_port, serve
    except ModuleNotFoundError as error:
        raise UserError(f"the studio needs the package '{error.name}', which is not installed; "
                        "install it with: pip install 'bandmate[studio]'") from None
    from bandmate.studio.desk import Desk
    from bandmate.studio.models import Models
    desk = Desk(Models(list(models)))
    port = free_port(host, port)
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    say(f"the studio is at {address} (Ctrl-C ends it)")
    if open_page:
        timer = Timer(OPENS_AFTER_S, webbrowser.open, [address])
        timer.daemon = True
        timer.start()
    serve(desk, host, port)
