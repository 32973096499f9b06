"""What the page says, in five languages: one table, phrases.json, and one of the 128 instruments of General MIDI.

The language is that of the visitor's browser.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

LANGUAGES = ("en", "ru", "pl", "el", "zh")
HERE = Path(__file__).parent
PHRASES: dict[str, dict[str, str]] = json.loads((HERE / "phrases.json").read_text(encoding="utf-8"))
"""Each phrase by its key, and in each language."""

for _name, _names in json.loads((HERE / "instruments.json").read_text(encoding="utf-8")).items():
    PHRASES[f"instrument.{_name}"] = {"en": _name, **_names}

I18N = gr.I18n(**{language: {f"bandmate.{key}": words[language] for key, words in PHRASES.items()}
                  for language in LANGUAGES})


def text(key: str) -> Any:
    """Return a phrase that the browser shows in its own language."""
    return I18N(f"bandmate.{key}")  # the framework has keys of its own


def language_of(request: gr.Request | None) -> str:
    """Return the language of the browser that asks, English if it speaks none of ours."""
    return language(request.headers.get("accept-language", "") if request else "")


def language(header: str) -> str:
    """Return the language that an Accept-Language header wants most, of ours."""
    wanted = []
    for word in header.split(","):
        name, _, quality = word.partition(";q=")
        try:
            wanted.append((-float(quality or 1), name.strip()[:2].lower()))
        except ValueError:
            continue
    return next((name for _, name in sorted(wanted, key=lambda pair: pair[0]) if name in LANGUAGES), "en")


def say(request: gr.Request | None, key: str, /, **values: object) -> str:
    """Return a phrase in the language of the browser that asks, with values filled in."""
    return PHRASES[key][language_of(request)].format(**values)


def name_of(word: str, language: str) -> str:
    """Return the name of an instrument or of a family of instruments in a language; any other word as it is."""
    key = next((f"{kind}.{word}" for kind in ("instrument", "class") if f"{kind}.{word}" in PHRASES), None)
    return PHRASES[key][language] if key else word


def table(keys: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return some phrases by language, for a part of the page that draws itself."""
    return {language: {key: PHRASES[key][language] for key in keys} for language in LANGUAGES}
