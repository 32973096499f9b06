"""Commands that recognise a composer or a style by ear, and measure with that whether a model writes what it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

from bandmate.commands.flags import flat, make_app
from bandmate.commands.screen import progress_bar, say
from bandmate.recipe import Recipe
from bandmate.settings import UserError

SUFFIX = ".safetensors"
SHOWN = 3

recognise = make_app("recognise", group="Judge", help="Recognise the composer or the style of a piece by its manner.")


@recognise.command
def train(data: Path, out: Path, *, recipe: flat(Recipe) = None) -> None:  # type: ignore[valid-type]
    """Learn to tell composers or styles of prepared music apart; print how well, on held-out pieces.

    Beside the accuracy stand chance, the commonest class, and a yardstick that knows only which notes of the key are used.
    A picture and a .json beside the file show what is taken for what.

    Example: `bandmate recognise train data/ styles.safetensors --label style`

    Parameters
    ----------
    data:
        Folder that `bandmate prepare` made, of music with labels.
    out:
        File to write (.safetensors).
    """
    if out.suffix != SUFFIX:
        raise UserError(f"'{out}' is no name for a recogniser; a name that ends in {SUFFIX} was expected; change it")
    from bandmate.data.windows import Prepared
    from bandmate.examples import study
    from bandmate.music.files import whole_file
    from bandmate.output.confusion import draw_confusion
    from bandmate.recognise import save
    out.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    with progress_bar("listening") as show:
        found = study(Prepared(data), recipe or Recipe(), show)
    card = found.model.card
    save(found.model, out)
    counts = found.verdict.confusion(len(card.classes))
    base = out.with_suffix("")
    numbers = {"label": card.recipe.label, "classes": card.classes, "scores": card.scores, "pieces": found.counts,
               "confusion": counts.tolist()}
    with whole_file(f"{base}-confusion.json") as unfinished:
        unfinished.write_text(json.dumps(numbers, ensure_ascii=False), encoding="utf-8")
    title = f"{card.recipe.label}: {card.scores['accuracy']:.1%} of {found.counts['test']} held-out pieces"
    picture = draw_confusion(counts, card.classes, f"{base}-confusion.png", title)
    print(f"{len(card.classes)} classes; pieces: " + ", ".join(f"{count:,} {split}" for split, count in found.counts.items()))
    print(table(card.scores, card.recipe.bars))
    for path in (out, f"{base}-confusion.json", picture):
        print(path)


def table(scores: dict[str, float], bars: int) -> str:
    """Show the scores of a recogniser: the share of test pieces named rightly, and the mean of that over classes."""
    rows = {"chance": (scores["chance"], scores["chance"]),
            "commonest class": (scores["commonest class"], 1 / scores["test classes"]),
            "pitch-class histogram": (scores["histogram"], scores["histogram, balanced"]),
            f"recogniser, {bars} bars": (scores["accuracy of a stretch"], scores["balanced, of a stretch"]),
            "recogniser, whole pieces": (scores["accuracy"], scores["balanced"])}
    lines = [f"{'test pieces':<28}{'accuracy':>10}{'balanced':>10}"]
    lines += [f"{name:<28}{accuracy:>10.1%}{balanced:>10.1%}" for name, (accuracy, balanced) in rows.items()]
    return "\n".join([*lines, f"balanced: the mean over the {scores['test classes']:.0f} classes that have test pieces"])


@recognise.command
def file(file: Path, *, model: Path) -> None:
    """Say which composers or styles a piece is likest to: the best three, with their probabilities.

    Only classes that the recogniser has learnt can be named; a piece of none of them is named all the same.

    Example: `bandmate recognise file out/bands.mid --model styles.safetensors`

    Parameters
    ----------
    file:
        A music file: MIDI, MusicXML, ABC or kern.
    model:
        What `bandmate recognise train` wrote.
    """
    from bandmate.music.files import read
    from bandmate.recognise import load
    recogniser = load(model)
    for name, probability in [*recogniser.probabilities(read(file)).items()][:SHOWN]:
        print(f"{probability:>7.1%}  {name}")


def style(recogniser: Path, *, data: Path, model: str = "bands", words: int = 24, pieces: int = 4, bars: int | None = None,
          seed: int = 0) -> None:
    """Measure how often a model writes in the style, or like the composer, that it is asked for, as a recogniser hears it.

    Each word is asked for alone, together with its usual players, and these players are asked for without it, all in its
    usual metre. "Ahead of" is the share of the other words that the word is likelier than. It takes hours for all words that
    a model knows.

    Example: `bandmate benchmark style styles.safetensors --data data/ --words 10`

    Parameters
    ----------
    recogniser:
        What `bandmate recognise train` wrote, for styles or for composers.
    data:
        Folder that `bandmate prepare` made: its training pieces tell which metre and players are usual.
    model:
        A shipped model, the path of a .safetensors file, or a run folder.
    words:
        How many words to ask for, those with the most pieces first.
    pieces:
        Pieces for each word and each way of asking.
    bars:
        Length of the pieces; left out, as long as the stretches that the recogniser has learnt to hear.
    seed:
        The same seed asks for the same.
    """
    from bandmate.checkpoint import load as load_model
    from bandmate.data.windows import Prepared
    from bandmate.obedience.style import follow_words, usual
    from bandmate.recognise import load
    for name, value in (("words", words), ("pieces", pieces)):
        if value < 1:
            raise UserError(f"{name} is {value}; at least 1 was expected; ask for more")
    heard, composer, prepared = load(recogniser), load_model(model), Prepared(data)
    card = heard.card
    label = card.recipe.label
    known = getattr(composer.codec.config, f"{label}s", ())
    labelled = {row.get(label) for row in prepared.pieces if row["split"] == "train"}
    chosen = [name for name in card.classes if name in known and name in labelled][:words]
    if not chosen:
        raise UserError(f"the model '{model}' knows no {label} that '{recogniser}' can name and '{data}' holds; a recogniser "
                        f"of the same words was expected; train one on the data of the model")
    if card.data_hash and card.data_hash != prepared.manifest.get("data_hash"):
        say(f"the recogniser learnt from other data than '{data}'")
    usuals = {name: usual(prepared, label, name) for name in chosen}
    with progress_bar("asking") as show:
        found = follow_words(lambda wish: composer.generate(composer.Options(**wish)),
                             lambda piece: [*heard.probabilities(piece)], label, usuals, pieces, bars or card.recipe.bars, seed,
                             show)
    print(f"{len(chosen)} of the {len(known)} words for {label} that {model} knows\n")
    print(found.table())
    chance, people = card.scores["chance"], card.scores["balanced, of a stretch"]
    print(f"\nchance {chance:.1%}, in best {SHOWN} {SHOWN * chance:.1%}, ahead of 50.0%; people's held-out pieces, "
          f"{card.recipe.bars} bars: {people:.1%} of each class recognised")
