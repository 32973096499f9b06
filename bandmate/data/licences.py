"""Licences: one way of writing each, and a mark where a person should look twice.

Catalogues write the same licence in many ways, and some cut it off in the middle; a data card names it once, as SPDX does
(spdx.org/licenses). What the text does not say, such as a version that was lost, is not made up.
"""

from __future__ import annotations

import re

NOT_COMMERCIAL, NOT_STATED = "not for commercial use", "no licence stated"
"""The marks of a licence. Without one it is no promise either: attribution, share-alike and the rest stand in its text."""

_COMMONS = re.compile(
    r"(?:creative\s+commons|cc)[\s-]+(?:by|attribution)\b"
    r"(?P<terms>(?:[\s-]+(?:nc|sa|nd|non-?commercial|share-?alike|no-?deriv\w*)\b)*)(?:\s+licen[cs]e)?"
    r"(?:[\s-]*\(?(?:v(?:ersion)?\s*)?(?P<version>\d\.\d)\)?(?P<port>-[A-Z]{2}\b)?)?(?P<rest>.*)", re.IGNORECASE)
_TERMS = (("NC", r"\bnc|non-?commercial"), ("ND", r"\bnd|no-?deriv"), ("SA", r"\bsa|share-?alike"))
_CRUMB = re.compile(r"\([^()\s]{0,4}\)+")  # what is left of a text that was cut off
_PUBLIC_DOMAIN = re.compile(r"public[\s-]+domain\.?|pd", re.IGNORECASE)
_NOT_COMMERCIAL = re.compile(r"\bNC\b|non-?commercial|no[tn]?\s+(?:for\s+)?commercial\s+use|(?:personal|private|research|"
                             r"educational)\s+(?:use|purposes)\s+only", re.IGNORECASE)
_NOT_STATED = re.compile(r"(?:unknown|none|no licen[cs]e(?: stated)?|not stated|n/a|-|\?)?", re.IGNORECASE)


def tidy(text: str) -> str:
    """Write a licence in the common way: "Creative Commons Attribution (4.0)" is "CC-BY-4.0". Others stay as they are."""
    text = " ".join(text.split())
    if _PUBLIC_DOMAIN.fullmatch(text):
        return "Public Domain"
    commons = _COMMONS.match(text)
    if not commons:
        return text
    terms = [name for name, words in _TERMS if re.search(words, commons["terms"], re.IGNORECASE)]
    name = "-".join(["CC-BY", *terms, *filter(None, [commons["version"]])]) + (commons["port"] or "").upper()
    rest = commons["rest"].strip()
    return name if not rest or _CRUMB.fullmatch(rest) else f"{name} {rest}"


def mark(licence: str) -> str:
    """Return what should be said beside a licence: NOT_COMMERCIAL, NOT_STATED, or nothing."""
    if _NOT_STATED.fullmatch(licence.strip()):
        return NOT_STATED
    return NOT_COMMERCIAL if _NOT_COMMERCIAL.search(licence) else ""
