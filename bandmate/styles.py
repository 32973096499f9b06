"""Does a composer write in the style that is chosen, and can it keep a tune and change its manner? A recogniser answers.

Beside each composer stand people, whose held-out pieces are heard in the same way (``audience.py``), and chance. Samples are
also looked for among the training pieces; what the latents hold is told by ``probe.py``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bandmate import probe
from bandmate.audience import Audience
from bandmate.failings import Way
from bandmate.metrics import sets
from bandmate.metrics.chroma import chroma_cosine
from bandmate.metrics.leaks import CLEAN
from bandmate.metrics.manner import stretches
from bandmate.metrics.measures import MEASURES
from bandmate.metrics.originality import GRAM, Library
from bandmate.metrics.undefined import value_or_reason
from bandmate.music.files import write
from bandmate.obedience.style import Obedience, Usual
from bandmate.piece import Piece

HUMAN, CHANCE = "people", "chance"
MUSICAL = ("pitch-class entropy", "polyphony", "groove consistency", "pitch range")

Row = dict[str, Any]
Progress = Callable[[str, float], None]


def measure(ways: Sequence[Way], audience: Audience, pieces: int, seed: int = 0,
            progress: Progress = lambda what, share: None) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Return a row for each composer, of ``pieces`` samples a style, then one of people and one of chance; and confusions.

    These count what the samples of a composer, or people's pieces, are taken for: see Audience.confusion.
    """
    rows, confusions = [], {}
    for way in ways:
        row, confusions[way.text] = listen(way, audience, pieces, seed, partial(_tell, progress, way.text))
        rows.append({"name": way.text, **row})
    human, confusions[HUMAN] = people(audience)
    return [*rows, {"name": HUMAN, **human}, {"name": CHANCE, **chance(audience, seed)}], confusions


def _tell(progress: Progress, name: str, what: str, share: float) -> None:
    progress(f"{name}: {what}", share)


def listen(way: Way, audience: Audience, pieces: int, seed: int = 0,
           progress: Progress = lambda what, share: None) -> tuple[Row, np.ndarray]:
    """Return the row of a composer, and what its samples are taken for (see Audience.confusion)."""
    model: Any = way.model
    alike = audience.in_one_metre()
    samples, others = (write_samples(way, audience.bars, usuals, pieces, seed, progress) for usuals in (audience.usuals, alike))
    named, same = ({style: [audience.names(piece) for piece in new] for style, new in found.items()}
                   for found in (samples, others))
    heard, everything = Obedience(alike, {"style": same}), _all(samples)
    beta = getattr(model.config, "kl_weight", None)
    row: Row = {**({} if beta is None else {"beta": float(beta)}),
                "recognised, %": 100 * Obedience(audience.usuals, {"style": named}).share("style"),
                "in one metre, %": 100 * heard.share("style"), "in other styles, %": 100 * (heard.others("style") or 0.0),
                **transfers(way, audience, seed, progress), **copies(everything, audience.library),
                "overlap": value_or_reason(sets.mean_overlap, everything, _all(audience.people)), **musical(everything)}
    progress("reading", 0.0)
    train, valid, test = (probe.read(model, audience.data, split, audience.label, seed) for split in ("train", "valid", "test"))
    contents = [probe.as_heard(model, each, seed) for each in (train, valid, test)]
    row |= probe.latents(model, test) | {"probe, %": 100 * probe.probe(*contents, seed=seed),
                                       "probe of means, %": 100 * probe.probe(train, valid, test, seed=seed),
                                       "probe, chance, %": 100 / len(test.right.unique())}
    return row, audience.confusion(named)


def write_samples(way: Way, bars: int, usuals: Mapping[str, Usual], pieces: int, seed: int = 0,
                  progress: Progress = lambda what, share: None) -> dict[str, list[Piece]]:
    """Let a composer write so many pieces of each style, in the metre that is named for it."""
    samples = {}
    for number, (style, known) in enumerate(usuals.items()):
        wish = {"bars": bars, "metre": known.metre, "variants": pieces, "seed": seed + number * pieces}
        samples[style] = way.model.generate(way.options.replace(style=style, **wish))
        progress("writing", (number + 1) / len(usuals))
    return samples


def transfers(way: Way, audience: Audience, seed: int = 0, progress: Progress = lambda what, share: None) -> Row:
    """Let a composer keep held-out tunes and change their manner: is the new one heard, is the tune still there?"""
    new: list[float | str] = []
    old: list[float | str] = []
    kept: list[float | str] = []
    same: list[float | str] = []
    with tempfile.TemporaryDirectory() as folder:
        for done, (own, tune) in enumerate(audience.contents):
            path = Path(folder) / f"{done}.mid"
            write(tune, path)
            [grid] = stretches(tune, audience.bars, 1)
            wish = {"content": str(path), "bars": len(grid.bars), "metre": "{}/{}".format(*grid.bars[0, 1:].tolist()),
                    "seed": seed + done}
            for style in audience.usuals:
                [piece] = way.model.generate(way.options.replace(style=style, **wish))
                alike = value_or_reason(chroma_cosine, tune, piece)
                (same if style == own else kept).append(alike)
                if style != own:
                    named = audience.names(piece)[0]
                    new.append(named == style)
                    old.append(named == own)
            progress("changing the manner", (done + 1) / len(audience.contents))
    return {"new manner, %": _mean(new, 100), "old manner, %": _mean(old, 100), "chroma kept": _mean(kept),
            "chroma kept, own style": _mean(same)}


def copies(pieces: Sequence[Piece], library: Library) -> Row:
    """Return what pieces share with the training set, in any key: the longest stretch, and the share that copies.

    A piece copies if at least four bars' worth (sixteen quarters, of eight events or more) goes on note for note.
    """
    found = [library.compare(piece, by="beats").transposed for piece in pieces]
    if not found:
        return dict.fromkeys(("copies, %", "longest copy, quarters", "longest of all, quarters"), "n/a: no pieces")
    return {"copies, %": _mean([run.beats >= CLEAN and run.events >= GRAM for run in found], 100),
            "longest copy, quarters": float(np.percentile([run.beats for run in found], 95)),
            "longest of all, quarters": max(run.beats for run in found)}


def musical(pieces: Sequence[Piece]) -> Row:
    """Return a few measures of music: means over the pieces that have them."""
    return {name: _mean([value_or_reason(MEASURES[name].of, piece) for piece in pieces]) for name in MUSICAL}


def people(audience: Audience) -> tuple[Row, np.ndarray]:
    """Return the row of people's held-out pieces, and what they are taken for."""
    named = {style: [audience.names(piece) for piece in found] for style, found in audience.people.items()}
    pieces = _all(audience.people)
    row = {"recognised, %": _mean([names[0] == style for style, said in named.items() for names in said], 100),
           **copies(pieces, audience.library), "overlap": value_or_reason(sets.mean_overlap, audience.others, pieces),
           **musical(pieces)}
    return row, audience.confusion(named)


def chance(audience: Audience, seed: int = 0) -> Row:
    """Return what is reached without any skill: by naming any style, and by taking another tune."""
    by_chance = 100 / len(audience.recogniser.card.classes)
    tunes = [tune for _, tune in audience.contents]
    order = np.random.default_rng(seed).permutation(len(tunes)).tolist()
    pairs = [(tunes[one], tunes[other]) for one, other in zip(order, order[1:] + order[:1], strict=True) if one != other]
    return {**dict.fromkeys(("recognised, %", "in one metre, %", "in other styles, %", "new manner, %"), by_chance),
            "chroma kept": _mean([value_or_reason(chroma_cosine, *pair) for pair in pairs])}


def about_styles(audience: Audience) -> dict[str, str]:
    """Say which styles were asked for, in which metres, and how many pieces of people were heard."""
    return {f"{audience.label}s": ", ".join(f"{name} (in {known.metre}; {len(audience.people[name])} pieces of people)"
                                            for name, known in audience.usuals.items()),
            "tunes": f"{len(audience.contents)} test pieces of these, in every other style"}


def _all(pieces: Mapping[str, Sequence[Piece]]) -> list[Piece]:
    return [piece for found in pieces.values() for piece in found]


def _mean(values: Sequence[float | str], factor: float = 1.0) -> float | str:
    """Return the mean of the values that are numbers, or why there are none."""
    known = [float(value) for value in values if not isinstance(value, str)]
    return factor * float(np.mean(known)) if known else str(next(iter(values), "n/a: no pieces"))
