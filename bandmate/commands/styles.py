"""The command `benchmark styles`: is the chosen style heard, is a tune kept when its manner changes, what do latents hold?"""

from __future__ import annotations

import shlex
from pathlib import Path

from bandmate.commands.screen import progress_bar, say
from bandmate.settings import UserError, demand

SCORES = ("chance", "histogram", "accuracy", "balanced")
"""Of a recogniser, on whole held-out pieces."""


def styles(*models: str, data: Path, recogniser: Path, pieces: int = 20, bars: int = 16, seed: int = 0,
           out: Path | None = None) -> None:
    """Measure models that keep style and content apart: is the chosen style heard, and what do their latents hold?

    Samples of each style, and held-out tunes in every other style, are named by a recogniser that has heard only people;
    held-out pieces of people stand beside, and chance. Told are also how much of a tune is kept, copies, measures of music, KL,
    latents in use, and how well a fresh network still reads the style from the content alone. Of several betas a picture shows
    what beta does; of a run with an adversary, one shows both losses.

    Example: `bandmate benchmark styles runs/style runs/one_hot --data data/ --recogniser styles.safetensors --out styles/`

    Parameters
    ----------
    models:
        Run folders or .safetensors files of the family `style_vae`; after a colon how they are to draw, if not as usual
        ("runs/style:temperature=0.5").
    data:
        Folder that `bandmate prepare` made: tunes and people are its test pieces, copies are looked for in its training pieces.
    recogniser:
        What `bandmate recognise train` wrote, of the same data.
    pieces:
        Samples of each style, and tunes.
    bars:
        Length of samples and tunes.
    seed:
        Draws samples, tunes and the network that reads content.
    out:
        Folder for styles.md, styles.json and pictures; left out, only the table is shown.
    """
    from bandmate import checkpoint
    from bandmate.audience import gather
    from bandmate.data.windows import Prepared
    from bandmate.failings import Way
    from bandmate.metrics.chroma import BARS
    from bandmate.output.styles import draw_adversaries, plain, write_styles
    from bandmate.recognise import load
    from bandmate.styles import about_styles, measure
    demand("pieces", pieces, 1, 64)
    demand("bars", bars, BARS, 1000)
    if not models:
        raise UserError("no model was named; at least one was expected; for example: "
                        "bandmate benchmark styles runs/style --data data/ --recogniser styles.safetensors")
    ways, heard, prepared = [Way.parse(text) for text in models], load(recogniser), Prepared(data)
    if heard.card.data_hash != prepared.manifest.get("data_hash", ""):
        say(f"the recogniser learnt from other data than '{data}': it may have heard what is held out here")
    with progress_bar("gathering") as show:
        def progress(what: str, share: float) -> None:
            show(share, note=what)
        audience = gather(prepared, heard, {way.text: way.model for way in ways}, pieces, bars, seed, progress)
        rows, confusions = measure(ways, audience, pieces, seed, progress)
    print(plain(rows))
    if out is not None:
        command = ["bandmate", "benchmark", "styles", *models, "--data", str(data), "--recogniser", str(recogniser),
                   "--pieces", str(pieces), "--bars", str(bars), "--seed", str(seed)]
        scores = ", ".join(f"{name} {heard.card.scores.get(name, 0):.1%}" for name in SCORES)
        about = {"command": shlex.join(command), "data": f"{data}, hash {prepared.manifest.get('data_hash', '')[:16]}",
                 "recogniser": f"{recogniser}: {scores}", **about_styles(audience)}
        files = [text.partition(":")[0] for text in models]
        for way, name in zip(ways, files, strict=True):
            about[way.text] = (f"SHA-256 {checkpoint.file_hash(checkpoint.find(name))[:16]}, "
                               f"{way.model.parameter_count():,} weights")
        for path in [*write_styles(rows, confusions, heard.card.classes, about, out), *draw_adversaries(files, out)]:
            print(path)
