"""What a visitor does on the page, and hears in the files that are taken away."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
from playwright.sync_api import Browser, Page, expect

from bandmate.studio.phrases import PHRASES

PATIENCE_MS = 120_000
AUTO = PHRASES["auto"]["en"]


def visit(browser: Browser, address: str, language: str = "en-US", **choices: Any) -> Page:
    """Open the page as a new visitor; faults of the page, and requests to anywhere else, fail the test at its end."""
    context = browser.new_context(locale=language, viewport={"width": 1400, "height": 1000}, **choices)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith((address, "data:", "blob:")) or page.faults.append(asked.url))
    page.goto(address)
    expect(page.locator("#compose")).to_be_visible(timeout=PATIENCE_MS)
    return page


def control(page: Page, option: str, tab: str = "compose") -> Any:
    """Return the box in which an option is typed or chosen."""
    return page.locator(f"#{tab}-{option} :is(input, textarea)").first


def fill(page: Page, option: str, value: str, tab: str = "compose") -> None:
    """Type a value."""
    box = control(page, option, tab)
    box.fill(value)
    box.press("Tab")


def choose(page: Page, option: str, value: str, tab: str = "compose") -> None:
    """Choose a word of a list."""
    pick(page, f"#{tab}-{option}", value)


def pick(page: Page, place: str, value: str | list[str]) -> None:
    """Choose a word of the list at some place, or these words and no others."""
    box = page.locator(f"{place} :is(input, textarea)").first
    if isinstance(value, list):
        for _ in page.locator(f"{place} .token").all():
            box.press("Backspace")
    for word in [value] if isinstance(value, str) else value:
        for _ in range(5):  # a busy machine may take a key before the list is there
            box.click()
            box.fill(word)
            page.get_by_role("option", name=word, exact=True).first.wait_for()
            box.press("Enter")
            box.press("Tab")
            page.wait_for_timeout(100)
            if word in (box.input_value(), *page.locator(f"{place} .token").all_inner_texts()):
                break
        else:
            raise AssertionError(f"{place} could not be set to {word}")


def finished(page: Page, button: str) -> None:
    """Click, and wait until the music is written."""
    page.evaluate("document.querySelector('#board .said').textContent = 'waiting'")
    page.locator(button).first.dispatch_event("click")
    page.wait_for_function("document.querySelector('#board progress').hidden"
                           " && document.querySelector('#board .said').textContent != 'waiting'"
                           " || document.querySelector('.toast-body.error')")
    assert not page.locator(".toast-body.error").count(), page.locator(".toast-body.error").all_inner_texts()


def take(page: Page, folder: Path, link: str = "MIDI", card: int = 0) -> Path:
    """Download a file of a variant."""
    with page.expect_download() as download:
        page.locator("#board .card").nth(card).locator("a.file", has_text=link).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def heard(path: Path) -> dict[str, Any]:
    """Say what is in a MIDI file, by mido alone."""
    midi = mido.MidiFile(path)
    notes, programs, drums, end, tempo, metre = [], set(), False, 0, None, None
    for track in midi.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "set_tempo" and tempo is None:
                tempo = mido.tempo2bpm(message.tempo)
            elif message.type == "time_signature" and metre is None:
                metre = f"{message.numerator}/{message.denominator}"
            elif message.type == "program_change" and message.channel != 9:
                programs.add(message.program)
            elif message.type == "note_on" and message.velocity:
                drums |= message.channel == 9
                if message.channel != 9:
                    notes.append(message.note)
                end = max(end, now)
    return {"pitches": notes, "programs": programs, "drums": drums, "tempo": tempo, "metre": metre,
            "quarters": end / midi.ticks_per_beat}


def controls_of(address: str) -> dict[str, dict[str, Any]]:
    """Return every control of the page that has a name and can be seen or opened: its kind and its properties."""
    with urllib.request.urlopen(f"{address}/config", timeout=60) as answer:
        config = json.load(answer)
    return {one["props"]["elem_id"]: {"kind": one["type"], **one["props"]} for one in config["components"]
            if one["props"].get("elem_id")}


@dataclass
class Made:
    """What came of one click: for each variant the MIDI file, and the .json that tells what was asked for."""

    files: list[bytes]
    stories: list[dict[str, Any]]
    prompt: bytes | None = None
    """The piece that was worked on."""

    @property
    def file(self) -> bytes:
        """The file of the first variant."""
        return self.files[0]


class Tab:
    """One tab, on which somebody turns one control after another."""

    def __init__(self, page: Page, address: str, tab: str, button: str, kinds: dict[str, dict[str, Any]]) -> None:
        self.page, self.address, self.tab, self.button, self.kinds = page, address, tab, button, kinds
        self.prompt: bytes | None = None
        self.base: dict[str, Any] = {}
        seed = control(page, "seed", tab)
        if tab != "compare" and not seed.is_visible():
            page.get_by_text(PHRASES["more"]["en"]).locator("visible=true").first.click()
            expect(seed).to_be_visible()

    def turn(self, option: str, value: Any) -> None:
        """Set a control; None leaves it to the model, or empties it."""
        about = self.kinds[f"{self.tab}-{option}"]
        box, kind = control(self.page, option, self.tab), about["kind"]
        if kind == "dropdown" and about.get("multiselect"):
            pick(self.page, f"#{self.tab}-{option}", list(value or ()))
        elif kind == "dropdown":
            word = AUTO if value is None else PHRASES.get(f"choice.{value}", {"en": str(value)})["en"]
            choose(self.page, option, word, self.tab)
        elif kind == "radio":
            word = {None: "auto", True: "yes", False: "no"}[value]
            self.page.locator(f"#{self.tab}-{option} input[value={word}]").check()
        elif kind == "checkbox":
            box.set_checked(bool(value))
        else:
            fill(self.page, option, "" if value is None else str(value), self.tab)

    def begin(self, **base: Any) -> Tab:
        """Set some controls, to which they go back after each trial."""
        self.base = base
        for option, value in base.items():
            self.turn(option, value)
        return self

    def usual(self, option: str) -> Any:
        """Return what a control stands at between two trials."""
        if option in self.base:
            return self.base[option]
        value = self.kinds[f"{self.tab}-{option}"].get("value")
        return {"auto": None, "yes": True, "no": False, "": None}.get(value, value) if isinstance(value, str) else value

    def write(self) -> Made:
        """Click; take the files away."""
        finished(self.page, self.button)
        links = self.page.locator("#board a.file").evaluate_all("links => links.map(link => link.href)")
        midi, story = ([link for link in links if link.endswith(end)] for end in (".mid", ".json"))
        assert midi, self.page.locator("body").inner_text()
        get = self.page.context.request.get
        return Made([get(link).body() for link in midi], [get(link).json() for link in story], self.prompt)

    def bring(self, piece: bytes) -> None:
        """Drop a MIDI file as the piece to work on."""
        self.prompt = piece
        old = self.page.locator("#mine canvas").get_attribute("aria-label") if self.page.locator("#mine canvas").count() else ""
        if old:
            self.page.locator("#piece button[aria-label]").first.click()
            expect(self.page.locator("#mine canvas")).to_have_count(0)
        self.page.locator("#piece input[type=file]").set_input_files(
            {"name": "song.mid", "mimeType": "audio/midi", "buffer": piece})
        expect(self.page.locator("#mine canvas")).to_be_visible(timeout=PATIENCE_MS)
