"""Sentences about mistakes in the visitor's language: one table, mistakes.json, of the clauses that they are made of.

A sentence says what happened; what was expected; what to do. Each clause is looked up for itself, with what stands at its
{places}. A sentence of which any clause is unknown stays English as a whole.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from bandmate.studio.phrases import PHRASES

MISTAKES: list[dict[str, str]] = json.loads((Path(__file__).parent / "mistakes.json").read_text(encoding="utf-8"))
"""Each clause in each language."""

KINDS = {"option": "option", "options": "option", "family": "class", "families": "class", "key": "key", "task": "choice",
         "rhythm": "choice"}
"""Places of clauses where a word of the page may stand, and the phrases that it is among."""

STOPS = {"en": ("; ", "."), "ru": ("; ", "."), "pl": ("; ", "."), "el": ("· ", "."), "zh": ("；", "。")}
"""What stands between clauses, and after the last."""


def _pattern(clause: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", clause)
    taken = [re.escape(part) if number % 2 == 0 else f"(?P<{part}>{r'[a-z_]+' if part == 'option' else '.+'})"
             for number, part in enumerate(parts)]
    return re.compile("".join(taken), re.DOTALL)


PATTERNS = [(_pattern(mistake["en"]), mistake) for mistake in MISTAKES]


def told(sentence: str, language: str) -> str:
    """Return a sentence about a mistake as a sentence in a language, or in English where the table does not know it."""
    between, stop = STOPS[language]
    sentence = " ".join(sentence.split())
    for whole in (sentence.removesuffix("."), *([] if ". " not in sentence else [sentence.replace(". ", "; ")])):
        clauses = [translated(clause, language) for clause in whole.split("; ")]
        if language != "en" and all(clauses):
            found = between.join(map(str, clauses))
            break
    else:
        found, stop = sentence, "."
    return found[:1].upper() + found[1:] + ("" if found.endswith((".", "?", ";", "？", "。")) else stop)


def translated(clause: str, language: str) -> str | None:
    """Return a clause in a language, None if the table does not know it."""
    for pattern, mistake in PATTERNS:
        if match := pattern.fullmatch(clause):
            return mistake[language].format(**{place: _value(KINDS.get(place, ""), words, language)
                                               for place, words in match.groupdict().items()})
    return None


def _value(kind: str, words: str, language: str) -> str:
    """Return what stands at a place: words that the page knows in the visitor's language, all else as it is."""
    if not kind:
        return words.replace(" or ", ", ")
    return ", ".join(PHRASES.get(f"{kind}.{word}", {language: word})[language] for word in re.split(r" and |, ", words))
