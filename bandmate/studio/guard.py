"""Turn mistakes into sentences on the page: a visitor sees what happened, and nothing breaks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from bandmate.settings import UserError
from bandmate.studio.mistakes import told
from bandmate.studio.phrases import language_of, say


def shown(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let an event handler, whose first argument is the request, raise UserErrors."""
    def error(problem: UserError, request: gr.Request | None) -> gr.Error:
        return gr.Error(told(str(problem), language_of(request)), duration=20, title=say(request, "cannot"),
                        print_exception=False)

    if inspect.isgeneratorfunction(function):
        @functools.wraps(function)
        def going(request: gr.Request, *values: Any) -> Iterator[Any]:
            try:
                yield from function(request, *values)
            except UserError as problem:
                raise error(problem, request) from None
        return going

    @functools.wraps(function)
    def once(request: gr.Request, *values: Any) -> Any:
        try:
            return function(request, *values)
        except UserError as problem:
            raise error(problem, request) from None
    return once
