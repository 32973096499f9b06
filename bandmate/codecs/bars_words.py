"""The ids of the codec `bars` in words, for learners and for tests."""

from __future__ import annotations

from bandmate.codecs import bars as b
from bandmate.music.instruments import CLASSES, DRUM_CLASS, program_name
from bandmate.music.theory import KEYS, pitch_name
from bandmate.piece import DRUMS

KIND_WORDS = ("pad", "begin", "end", "music", "style", "composer", "has_drums", "part", "metre", "key", "tempo", "length",
              "density", "busyness", "polyphony", "tessitura", "loudness", "write", "given")


def word(when: int, what: int, how_: int, config: b.BarsConfig) -> str:
    """Spell one row."""
    family, pitch = divmod(what - b.NOTES, 128)
    if when >= b.POSITION:
        duration, velocity = divmod(how_ - 1, b.VELOCITIES)
        name = f"drum{pitch}" if family == DRUM_CLASS else pitch_name(pitch)
        return f"{when - b.POSITION}/{b.STEPS_PER_QUARTER} {CLASSES[family]} {name} " \
               f"length{b.DURATIONS[duration]} velocity{(velocity + 1) * b.VELOCITY_STEP}"
    if when >= b.BAR:
        return "bar{} {} left {}/{}".format(when - b.BAR, b.LEFT[what - b.LEFT_AT], *b.METRES[how_ - b.METRE_AT])
    word = KIND_WORDS[when] if when < len(KIND_WORDS) else f"free{when}"
    if when == b.PART:
        word += f" {CLASSES[family]}:{program_name(DRUMS if family == DRUM_CLASS else pitch)}"
    elif when == b.WRITE:
        word += f" {CLASSES[family]}"
    elif when == b.LENGTH:
        word += f" {b.LEFT[what - b.LEFT_AT]} left"
    elif when == b.TEMPO:
        word += f" {b.TEMPOS[what - b.TEMPO_AT]:.0f}"
    elif when == b.KEY:
        word += f" {KEYS[what - b.KEY_AT]}"
    elif when == b.STYLE:
        word += f" {config.styles[what - b.STYLE_AT]}"
    elif when == b.COMPOSER:
        word += f" {config.composers[what - b.COMPOSER_AT]}"
    elif when == b.HAS_DRUMS:
        word += " no" if what == b.FLAG_AT else " yes"
    elif when in (*b.CHARACTER.values(), b.LOUDNESS):
        word += f" {what - b.LEVEL_AT + 1}" + (f" to {how_ - b.LATER_LEVEL_AT + 1}" if when == b.LOUDNESS else "")
    elif when == b.METRE:
        word += " {}/{}".format(*b.METRES[how_ - b.METRE_AT])
    return word
