"""How `complete` brings a piece home: of several endings the best is kept, and if it does not close, a cadence is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bandmate.music.draft import Draft
from bandmate.music.endings import cadence, far_from_home, held, key_of
from bandmate.music.grid import lay_bars
from bandmate.music.theory import parse_key
from bandmate.piece import Piece
from bandmate.settings import UserError

SoFar = Callable[[], list[Piece]]
Progress = Callable[[float, SoFar], None]
"""As in :mod:`bandmate.model`, which is imported late: it brings torch."""

ELSEWHERE = ("bars", "at", "tempo", "metre", "fresh")  # options that mean nothing where bars that stand are written anew
FIRST = 0.8  # share of the work that is done when the bars are written; then comes the cadence


def come_home(composer: Any, options: Any, prompt: Piece, watch: Progress) -> list[Piece]:
    """Go on with a piece to an end, one a variant.

    Of the candidates that is kept whose last chord is nearest to the chord of the key, the key asked for or found in what is
    given. Where even that is elsewhere, the last two bars are written anew over dominant and tonic, by composers that can,
    unless other chords were asked for; then the last strong beat is held.
    """
    home = parse_key(options.key) if options.key else key_of(Draft.of(options, prompt).prompt)
    kept: list[Piece] = []
    for variant in range(options.variants):
        tries = options.replace(variants=options.candidates, candidates=1, seed=options.seed + variant * options.candidates)

        def tell(share: float, so_far: SoFar, done: float = variant) -> None:
            watch((done + FIRST * share) / options.variants, lambda: [*kept, *so_far()[:1]])

        def close(share: float, so_far: SoFar, done: float = variant) -> None:
            watch((done + FIRST + (1 - FIRST) * share) / options.variants, lambda: [*kept, *so_far()[:1]])

        pieces = composer.generate(tries, prompt, tell)
        best = min(pieces, key=lambda piece: far_from_home(piece, home))
        if far_from_home(best, home) and not options.chords:
            pieces = [best, *_closes(composer, tries, best, home, close)]
        kept.append(min(pieces, key=lambda piece: far_from_home(piece, home)))
    return kept


def _closes(composer: Any, options: Any, piece: Piece, home: int, watch: Progress) -> list[Piece]:
    """Write the last two bars of a piece anew, as a cadence; nothing if the composer cannot do that."""
    last = len(lay_bars(piece, piece.ticks_per_quarter, max(note.end for track in piece.tracks for note in track.notes))[0])
    wish = {name: getattr(options, name) for name in options.model_fields_set if name not in ELSEWHERE}
    region = f"{max(last - 1, 1)}-{last}"
    try:
        return [held(close) for close in composer.generate(type(options)(
            **{**wish, "task": "infill", "region": region, "chords": cadence(home)}), piece, watch)]
    except UserError:
        return []
