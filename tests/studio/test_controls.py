"""Every control of every tab, turned in a real browser, changes the downloaded file as it says: see effects.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from studio.effects import (
    CHORDS,
    COMPOSE,
    DRAWN,
    EFFECTS,
    HARD,
    PIECE,
    PROMPT,
    RHYTHM,
    SOFT,
    Effect,
    asked,
    likeliest,
    written,
)
from studio.visitor import Made, Tab, controls_of, pick, visit

from bandmate.families import FAMILIES
from bandmate.music.request import Request
from bandmate.obedience.controls import check
from bandmate.settings import UserError
from bandmate.studio.desk import Wish
from bandmate.studio.phrases import PHRASES

BASE = {"instruments": ["piano", "bass"], "drums": None, "bars": 2, "variants": 1, "seed": "8"}
LEARNT = ("style", "composer", "precision")
SEVERAL = 4
"""Variants among which a word that a model only tends to follow is looked for."""
COMPARE = ("bars", "instruments", "drums", "key", "tempo", "seed", "temperature")
ELSEWHERE = {"board", "mine", "about", "tabs", "families", "measures", "learning", "curve", "rejected",  # nothing to turn
             "compose", "work", "compare", "learn", "stop", "halt", "undo", "redo", "piece", "task",  # test_browser.py
             "chosen", "music", "folder", "learner", "minutes"}  # there, and test_lessons.py
"""What has a name on the page and is no option of a form."""

LINE = {"bars", "instruments", "tempo", "metre", "key", "pitches"}
ROLL = {*LINE, "drums", "max_polyphony", "seed", "variants", "temperature"}
HELD = {
    "markov": {*HARD, *SOFT, *DRAWN},
    "chorales": {"bars", "tempo", "key", *DRAWN},
    "frames": {*LINE, "max_polyphony", *DRAWN},
    "band_rnn": {*ROLL, *DRAWN},
    "vae": {*ROLL, "threshold", "noise_sd", "noise_where", "candidates"},
    "gan": {*ROLL, "threshold", "change", "candidates"},
    "harmony_cnn": {*ROLL, "candidates"},
    "melody_vae": {*LINE, "seed", "variants", "noise_sd"},
    "style_vae": {*LINE, "change", *DRAWN},
    "chords": {*LINE, "variants", "seed", *RHYTHM, *CHORDS},
    "lstm": {*LINE, *RHYTHM, *DRAWN},
    "gru": {*LINE, *DRAWN},
    "gpt": {*LINE, *DRAWN},
    "rhythm_net": {"bars", "instruments", "tempo", "metre", *DRAWN},
}
"""What the further families hold. All else they refuse, with a sentence."""

IDLE = {"vae": ("alpha",), "harmony_cnn": ("threshold", "whim"), "melody_vae": ("max_polyphony",),
        "style_vae": ("strength",)}
"""What a family may neither hold nor refuse beside its own IDLE: there is no manner to go towards by itself, only the original
`harmony_cnn` has a threshold, in one that has learnt nothing a whim tells nothing, a line has one voice,
and one that was told no styles has none to make stronger."""

TOGETHER = {"bars": 3, "instruments": ["strings"], "tempo": "91", "metre": "3/4", "key": "D minor", "pitches": "strings:C4-C6",
            "max_polyphony": "2", "max_leap": "12"}
"""What is asked of a family at once."""

@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = visit(browser, address)
    yield opened
    assert not opened.faults
    opened.context.close()


@pytest.fixture(scope="module")
def compose(page: Page, address: str) -> Tab:
    return Tab(page, address, "compose", "#compose", controls_of(address)).begin(**BASE)


@pytest.fixture
def piece(page: Page, address: str) -> Iterator[Tab]:
    page.get_by_role("tab", name=PHRASES["tab.piece"]["en"]).click()
    tab = Tab(page, address, "piece", "#work", controls_of(address))
    tab.bring(PROMPT.dumps_midi())
    task_of(page, "infill")
    yield tab.begin(region="2-3", seed="8", model="bands")
    page.get_by_role("tab", name=PHRASES["tab.compose"]["en"]).click()


def task_of(page: Page, task: str) -> None:
    """Choose what is done to a piece."""
    page.locator(f"#task input[value={task}]").check()
    page.wait_for_timeout(100)


def compare(tab: Tab, name: str, effect: Effect, plain: Made | None = None) -> Made:
    """Write with a control and without it; tell whether what it is for is seen. Leave the control as it was."""
    before = {option: tab.usual(option) for option in (name, *(other for other, _ in effect.beside))}
    for option, value in effect.beside:
        tab.turn(option, value)
    if effect.against is not None:
        tab.turn(name, effect.against)
    if effect.against is not None or effect.beside or plain is None:
        plain = tab.write()
    tab.turn(name, effect.value)
    made = tab.write()
    assert effect.seen(made, plain), name
    for option, value in before.items():
        tab.turn(option, value)
    return made


def test_every_control_has_a_line_in_the_table(address):
    """A control that is added must say what it does to the file."""
    named = set(controls_of(address)) - ELSEWHERE
    known = {f"compose-{name}" for name in (*COMPOSE, "model")} | {f"piece-{name}" for name in (*PIECE, "model")}
    known |= {f"compare-{name}" for name in COMPARE}
    for family in list(FAMILIES)[1:]:
        options = {*FAMILIES[family].Options.model_fields} - {*FAMILIES[family].Options.IDLE}
        known |= {f"{family}-{name}" for name in ("compose", "model", *(name for name in EFFECTS if name in options))}
    assert named == known, named ^ known


def test_what_always_holds(compose):
    compose.turn("model", "tiny")
    plain = compose.write()
    made = {name: compare(compose, name, COMPOSE[name], plain) for name in (*HARD, *DRAWN)}
    assert compose.write().file == plain.file  # all is as it was: the same seed, the same piece
    assert len({made[name].file for name in DRAWN if COMPOSE[name].seen is likeliest}) == 1
    compose.turn("model", "bands")


def test_what_the_model_has_learnt(compose):
    compose.turn("variants", SEVERAL)
    plain = compose.write()
    for name in (*SOFT, *LEARNT):
        compare(compose, name, COMPOSE[name], plain)
    compose.turn("variants", 1)
    plain = compose.write()
    compare(compose, "model", Effect("tiny", written), plain)


def test_what_always_holds_in_my_piece(page, piece):
    piece.turn("model", "tiny")
    plain = piece.write()
    for name, (task, effect) in PIECE.items():
        if task == "infill" and name not in (*SOFT, *LEARNT):
            compare(piece, name, effect, plain)
    for task in ("continue", "vary"):
        task_of(page, task)
        if task == "continue":
            piece.turn("bars", 2)
        plain = piece.write()
        for name, (its, effect) in PIECE.items():
            if its == task and name != "fresh":
                compare(piece, name, effect, plain)
    task_of(page, "continue")
    piece.bring(piece.write().file)  # bars 5 and 6 are those that this seed writes after bar 4
    compare(piece, "fresh", PIECE["fresh"][1])
    piece.turn("model", "bands")


def test_what_the_model_has_learnt_in_my_piece(piece):
    piece.turn("instruments", ["piano"])
    piece.turn("variants", SEVERAL)
    plain = piece.write()
    for name in (*SOFT, *LEARNT):
        compare(piece, name, PIECE[name][1], plain)
    piece.turn("variants", 1)
    piece.turn("instruments", [])


def test_compare_asks_what_it_says(page, address):
    page.get_by_role("tab", name=PHRASES["tab.compare"]["en"]).click()
    tab = Tab(page, address, "compare", "#compare", controls_of(address))
    pick(page, "#chosen", ["tiny"])
    tab.begin(**{name: BASE[name] for name in ("instruments", "drums", "bars", "seed")})
    plain = tab.write()
    for name in COMPARE:
        compare(tab, name, COMPOSE[name], plain)


def open_family(page: Page, family: str) -> None:
    """Go to the tab of a family; those that have no room stand in a menu."""
    tab = page.get_by_role("tab", name=family, exact=True)
    page.wait_for_timeout(300)
    if not tab.is_visible():
        page.locator("#families .overflow-menu > button").first.click()
        tab = page.locator("#families .overflow-dropdown button").get_by_text(family, exact=True)
    tab.click()


@pytest.mark.parametrize("family", list(FAMILIES)[1:])
def test_the_tab_of_a_family(page, address, family):
    """All of the request that it holds is asked for at once, and all of it is in the file."""
    page.get_by_role("tab", name=PHRASES["tab.families"]["en"]).click()
    open_family(page, family)
    tab = Tab(page, address, family, f"#{family}-compose", controls_of(address))
    turned = {name: value for name, value in TOGETHER.items() if name in HELD[family]}
    for name, value in {**turned, "seed": "8"}.items():
        tab.turn(name, value)
    made = tab.write()
    held = check(made.file, asked(made))
    assert not [name for name in turned if not held[name]]
    assert {name: str(asked(made).model_dump()[name]) for name in turned} == {
        name: str(Request(**turned).model_dump()[name]) for name in turned}


@pytest.mark.parametrize("family", list(FAMILIES)[1:])
def test_each_control_of_a_family_is_held_or_refused(desk, family):
    options = FAMILIES[family].Options.model_fields
    [name_of_model, *_] = desk.models.names(family=family)

    def made(**chosen: Any) -> Made:
        *_, last = desk.write(Wish(name_of_model, {"bars": 2, "seed": 8, **chosen}), None)
        kept = [desk.shelf.get(variant["token"]) for variant in last["variants"]]
        return Made([one.files["piece.mid"] for one in kept], [one.story for one in kept])

    plain = made()
    for name in (name for name in EFFECTS if name in options):
        effect = EFFECTS[name]
        if name in HELD[family]:
            beside = dict(effect.beside) | ({name: effect.against} if effect.against is not None else {})
            if name == "pitches" and "instruments" in HELD[family]:
                beside["instruments"] = TOGETHER["instruments"]
            with_it = made(**{**beside, name: TOGETHER.get(name, effect.value)})
            if name in HARD:  # what nothing has been learnt of may come without being asked for
                assert check(with_it.file, asked(with_it))[name], name
            elif name != "candidates":  # of which the first may be the best
                assert effect.seen(with_it, made(**beside) if beside else plain), name
        elif name not in (*FAMILIES[family].Options.IDLE, *IDLE.get(family, ())):
            with pytest.raises(UserError, match=r"; |does not know"):
                made(**{name: TOGETHER.get(name, effect.value)})
