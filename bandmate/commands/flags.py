"""Flags out of Settings: each field of a Settings class becomes a flag, its docstring the help, its default the default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

from cyclopts import App, Parameter

from bandmate.settings import Settings

PLAIN = Parameter(negative_iterable=(), show_default=lambda value: str(value) if value else cast(str, None))
"""How flags look: --no-x only for switches, and no empty defaults in the help."""


def flat(settings: type[Settings], **looks: Any) -> Any:
    """Return the annotation of a parameter that takes all fields of a Settings class as flags of their own."""
    return Annotated[settings | None, Parameter(name="*", **looks)]


def make_app(name: str, **choices: Any) -> App:
    """Return an app whose errors reach the caller and whose help looks like all the others."""
    return App(name=name, default_parameter=PLAIN, result_action="return_value", help_format="markdown",
               suppress_keyboard_interrupt=False, **choices)


def make_command(name: str, function: Callable[..., Any], **annotations: Any) -> App:
    """Return a command that runs ``function``, some parameters of which are annotated only now."""
    function.__annotations__.update(annotations)
    app = make_app(name, version_flags=())
    app["--help"].show = False
    app.default(function)
    return app


def run(app: App, words: Sequence[str]) -> Any:
    """Run an app on the words of a command line. Raises cyclopts' errors and all others."""
    return app(list(words), exit_on_error=False, print_error=False)
