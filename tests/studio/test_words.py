"""The page in five languages: nothing is missing, nothing is left in English."""

from __future__ import annotations

import json
import re
from typing import Any

import gradio as gr
import pytest
from music_made_here import drums_only, one_note

from bandmate.families import FAMILIES
from bandmate.music.instruments import PROGRAMS
from bandmate.studio.desk import PLACES
from bandmate.studio.form import Form, bounds, known_choices
from bandmate.studio.page import build
from bandmate.studio.phrases import LANGUAGES, PHRASES, language_of, say
from bandmate.studio.roll import roll

SAME = {"int8", "Top k", "Top p", "Min p", "Model", "Piano roll", "Tempo", "pad", "C", "bas"}
"""What is the same word in several languages."""

SPOKEN = re.compile(r"[A-Za-z]{3}")
TECHNICAL = {"# bandmate", "bandmate studio"}


@pytest.mark.parametrize("key", PHRASES)
def test_a_phrase_stands_in_every_language(key):
    words = PHRASES[key]
    assert list(words) == list(LANGUAGES)
    for language in LANGUAGES:
        assert words[language].strip()
        assert set(re.findall(r"\{\w+\}", words[language])) == set(re.findall(r"\{\w+\}", words["en"]))
        if language != "en" and words["en"] not in SAME and SPOKEN.search(words["en"]):
            assert words[language] != words["en"], language


@pytest.mark.parametrize("family", FAMILIES)
def test_every_option_has_its_words(family):
    for name in set(FAMILIES[family].Options.model_fields) - set(PLACES):
        assert f"option.{name}" in PHRASES
        assert f"help.{name}" in PHRASES
    assert f"family.{family}" in PHRASES


def test_every_instrument_has_a_name_of_its_own():
    for language in LANGUAGES:
        assert len({PHRASES[f"instrument.{name}"][language] for name in PROGRAMS}) == len(PROGRAMS)
    assert json.loads(roll(one_note(), language="ru"))["parts"][0]["name"] == "концертный рояль"
    assert json.loads(roll(drums_only(), language="el"))["parts"][0]["name"] == "ντραμς"


def test_nothing_on_the_page_is_left_in_english(desk):
    """Each text that a visitor sees is a phrase; names of models, families, styles and composers are names."""
    config = build(desk).get_config_file()
    names = {*desk.models.names(), *FAMILIES, *desk.models.words("styles"), *desk.models.words("composers")}
    seen = 0
    for component in config["components"]:
        props: dict[str, Any] = component["props"]
        if component["type"] in ("json", "html", "state") or props.get("visible") is False:
            continue
        texts = [props.get(name) for name in ("label", "info", "placeholder") if props.get("show_label", True)]
        if component["type"] in ("button", "markdown"):
            texts.append(props.get("value"))
        texts += [choice[0] for choice in props.get("choices") or []]
        seen += sum(str(text).startswith("__i18n__") for text in texts)
        left = [text for text in texts if SPOKEN.search(str(text or "")) and not str(text).startswith("__i18n__")]
        assert set(left) <= names | TECHNICAL
    assert seen > 200


def test_the_language_is_that_of_the_browser():
    def browser(header: str) -> gr.Request:
        return gr.Request(headers={"accept-language": header})

    assert language_of(browser("pl-PL,pl;q=0.9,en;q=0.8")) == "pl"
    assert language_of(browser("de,fr;q=0.9,zh-CN;q=0.7,en;q=0.3")) == "zh"
    assert language_of(browser("de")) == language_of(browser(";q=x")) == language_of(None) == "en"
    assert say(browser("ru"), "stop") == "Стоп"
    assert "7" in say(browser("el"), "left", seconds=7)


def test_a_form_shows_what_the_options_say():
    options = FAMILIES["bands"].Options
    with gr.Blocks():
        names = [name for name in options.model_fields if name != "task"]
        form = Form("form", options, names, ("bars",), known_choices(["jazz"], []))
    bars, key, style, density = (form.controls[name] for name in ("bars", "key", "style", "density"))
    assert (type(bars), bars.minimum, bars.maximum, bars.value) == (gr.Slider, 1, 128, 16)
    assert len(key.choices) == 25
    assert [word for _, word in style.choices] == ["", "jazz"]
    assert [word for _, word in density.choices] == ["", *"12345678"]
    assert isinstance(form.controls["drums"], gr.Radio)
    assert isinstance(form.controls["fresh"], gr.Checkbox)
    values = {name: control.value for name, control in form.controls.items()}
    assert options(**form.read(tuple(values.values()))) == options(seed=0)
    values |= {"bars": 8.0, "drums": "no", "tempo": "90", "density": "7", "instruments": ["piano"], "seed": "5"}
    asked = options(**form.read(tuple(values.values())))
    assert (asked.bars, asked.drums, asked.tempo, asked.density) == (8, False, 90, 7)
    assert (asked.instruments, asked.seed) == (("piano",), 5)


def test_bounds_are_those_of_the_options():
    fields = FAMILIES["bands"].Options.model_fields
    assert bounds(fields["bars"]) == ([int], 1, 256)
    assert bounds(fields["tempo"])[1:] == (20, 300)
    assert bounds(fields["density"]) == ([int, type(None)], 1, 8)
