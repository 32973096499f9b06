"""The page in a real browser: what is clicked is what comes out, checked with mido in the file that is downloaded."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

import pytest
from music_made_here import band
from playwright.sync_api import Browser, Page, expect
from studio.visitor import PATIENCE_MS, choose, control, fill, finished, heard, pick, take, visit

from bandmate.music.files import write
from bandmate.studio.phrases import PHRASES


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = visit(browser, address)
    yield opened
    assert not opened.faults
    opened.context.close()


def test_the_first_notes_come_while_it_is_written_and_it_can_be_stopped(page, tmp_path):
    control(page, "bars").fill("96")
    page.click("#compose")
    page.wait_for_function("JSON.stringify([...document.querySelectorAll('#board canvas')].map("
                           "c => c.getAttribute('aria-label'))).match(/, [1-9]\\d* notes/)")
    assert page.locator("#board audio").count() == 0
    page.locator("#stop").dispatch_event("click")  # a page that is redrawn all the time is never "stable"
    expect(page.locator("#board .said")).to_have_text(PHRASES["stopped"]["en"])
    got = heard(take(page, tmp_path))
    assert got["pitches"]
    assert got["quarters"] < 96 * 4


def test_every_control_of_compose_does_what_it_says(page, tmp_path):
    choose(page, "model", "tiny")
    for _ in range(3):  # take away those that stand there
        control(page, "instruments").press("Backspace")
    choose(page, "instruments", "strings")
    choose(page, "instruments", "flute")
    page.locator("#compose-drums input[value=no]").check()
    control(page, "bars").fill("3")
    fill(page, "tempo", "91")
    choose(page, "metre", "3/4")
    choose(page, "key", "D minor")
    fill(page, "chords", "Dm Gm A7")
    control(page, "variants").fill("3")
    page.get_by_text(PHRASES["more"]["en"]).locator("visible=true").first.click()
    fill(page, "seed", "11")
    fill(page, "pitches", "strings:D3-D5")
    finished(page, "#compose")
    assert page.locator("#board .card").count() == 3
    for card in range(3):
        got = heard(take(page, tmp_path, card=card))
        assert got["programs"] == {40, 73}
        assert not got["drums"]
        assert got["metre"] == "3/4"
        assert got["tempo"] == pytest.approx(91, abs=0.01)
        assert got["quarters"] < 9
        assert {pitch % 12 for pitch in got["pitches"]} <= {0, 1, 2, 4, 5, 7, 9, 10}  # D minor, and the C sharp of A7
    assert page.locator("#board .seed").all_inner_texts() == ["seed 11", "seed 12", "seed 13"]


def test_from_one_piece_to_the_next(page, tmp_path):
    choose(page, "model", "tiny")
    control(page, "bars").fill("2")
    control(page, "variants").fill("1")
    finished(page, "#compose")
    first = take(page, tmp_path).read_bytes()
    seed = page.locator("#board .seed").inner_text()
    finished(page, "#board [data-act=again]")
    assert page.locator("#board .seed").inner_text() == seed
    assert take(page, tmp_path).read_bytes() == first
    finished(page, "#board [data-act=continue]")
    longer = heard(take(page, tmp_path))
    assert 8 <= longer["quarters"] < 40
    finished(page, "#board [data-act=vary]")
    assert take(page, tmp_path).read_bytes() != first
    page.click("#undo")
    page.click("#undo")
    expect(page.locator("#board .seed")).to_have_text(seed)
    page.click("#redo")
    expect(page.locator("#board .seed")).not_to_have_text(seed)
    with zipfile.ZipFile(take(page, tmp_path, "Stems")) as stems:
        assert {name.rpartition(".")[2] for name in stems.namelist()} == {"mid", "mp3"}
    assert take(page, tmp_path, "MusicXML").read_bytes().startswith(b"<?xml")
    page.locator("#board .sheet summary").click()
    page.wait_for_function("[...document.querySelectorAll('#board .pages img')].some(i => i.naturalWidth > 100)")
    page.locator("#board audio").first.evaluate("a => a.play()")
    page.wait_for_function("document.querySelector('#board audio').currentTime > 0.3")


def test_work_on_my_piece(page, tmp_path):
    write(band(4), tmp_path / "song.mid")
    page.get_by_role("tab", name=PHRASES["tab.piece"]["en"]).click()
    page.locator("#piece input[type=file]").set_input_files(tmp_path / "song.mid")
    expect(page.locator("#about")).to_contain_text("4 bars")
    choose(page, "model", "tiny", "piece")
    given = sorted(heard(tmp_path / "song.mid")["pitches"])
    page.locator("#task input[value=infill]").check()
    fill(page, "region", "2-3", "piece")
    finished(page, "#work")
    filled = heard(take(page, tmp_path))
    assert filled["quarters"] < 16
    assert sorted(filled["pitches"]) != given
    page.locator("#task input[value=accompany]").check()
    fill(page, "region", "", "piece")
    choose(page, "instruments", "strings", "piece")
    finished(page, "#work")
    joined = heard(take(page, tmp_path))
    assert 40 in joined["programs"]
    left = list(joined["pitches"])
    for pitch in given:
        left.remove(pitch)  # what was given is still there
    assert left


def test_a_mistake_is_told(page, tmp_path):
    page.get_by_role("tab", name=PHRASES["tab.piece"]["en"]).click()
    page.click("#work")
    expect(page.get_by_text(PHRASES["no prompt"]["en"])).to_be_visible()
    page.locator("#piece input[type=file]").set_input_files({"name": "a.mid", "mimeType": "audio/midi", "buffer": b"junk"})
    expect(page.get_by_text("not a MIDI file")).to_be_visible()


def test_compare(page):
    page.get_by_role("tab", name=PHRASES["tab.compare"]["en"]).click()
    pick(page, "#chosen", ["bands", "chords", "tiny"])
    control(page, "bars", "compare").fill("2")
    page.locator("#compare-drums input[value=yes]").check()
    finished(page, "#compare")
    expect(page.get_by_text("chords: ")).to_be_visible()  # it plays no drums, and says so; the others play
    expect(page.locator("#measures")).to_contain_text("scale consistency", timeout=PATIENCE_MS)
    expect(page.locator("#board .card")).to_have_count(2)


def test_train_on_my_music(page, tmp_path):
    """Files that are no music are named; the others are learnt from; the model stands in the lists."""
    paths = []
    for number in range(4):
        song = band(9 + number)
        for track in song.tracks:
            for note in track.notes:
                note.pitch += 0 if track.is_drum else (0, 2, 3, 5)[(number + note.time // 480) % 4]
        paths.append(tmp_path / f"song{number}.mid")
        write(song, paths[-1])
    paths.append(tmp_path / "broken.mid")
    paths[-1].write_bytes(b"junk")
    page.get_by_role("tab", name=PHRASES["tab.train"]["en"]).click()
    page.locator("#music input[type=file]").set_input_files(paths)
    page.click("#learn")
    expect(page.locator("#rejected")).to_contain_text("broken.mid", timeout=PATIENCE_MS)
    page.wait_for_function("/step [1-9]/.test(document.querySelector('#learning').innerText)")
    page.click("#halt")
    expect(page.locator("#learning")).to_contain_text("my music 1", timeout=PATIENCE_MS)
    page.get_by_role("tab", name=PHRASES["tab.compose"]["en"]).click()
    control(page, "model").click()
    expect(page.get_by_role("option", name="my music 1")).to_be_visible()


@pytest.mark.parametrize(("language", "key"), [("ru-RU", "ru"), ("pl-PL", "pl"), ("el-GR", "el"), ("zh-CN", "zh"),
                                               ("de-DE", "en")])
def test_the_page_speaks_the_language_of_the_browser(browser, address, language, key):
    page = visit(browser, address, language)
    expect(page.locator("#compose")).to_have_text(PHRASES["compose"][key])
    expect(page.locator("#stop")).to_have_text(PHRASES["stop"][key])
    page.context.close()


def test_on_a_phone(browser, address):
    page = visit(browser, address, device_scale_factor=2, color_scheme="dark", is_mobile=True, has_touch=True)
    page.set_viewport_size({"width": 390, "height": 840})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(c => c < 90)")
    assert dark
    page.context.close()


def test_keys_alone_reach_everything(page):
    choose(page, "model", "tiny")
    control(page, "bars").fill("1")
    page.locator("#compose").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#board [data-act=continue]")
    reached = set()
    page.locator("#redo").focus()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.act || document.activeElement.textContent.trim() || "
                                  "document.activeElement.tagName"))
    assert {"Stop", "AUDIO", "MIDI", "MP3", "continue", "vary", "again"} <= reached


def test_who_waits_sees_the_place_in_the_queue(browser, address):
    first, second = visit(browser, address), visit(browser, address)
    control(first, "bars").fill("64")
    first.locator("#compose").dispatch_event("click")
    expect(first.locator("#board canvas").first).to_be_visible(timeout=PATIENCE_MS)
    second.locator("#compose").dispatch_event("click")
    expect(second.locator("#board .progress-text")).to_contain_text("1/1", timeout=PATIENCE_MS)
    place, shown = second.locator("#board .progress-text").bounding_box(), second.viewport_size
    assert place["x"] + place["width"] <= shown["width"]
    assert second.evaluate("getComputedStyle(document.querySelector('#board .wrap.minimal')).overflow") == "visible"
    first.locator("#stop").dispatch_event("click")
    expect(second.locator("#board canvas").first).to_be_visible(timeout=PATIENCE_MS)
    second.locator("#stop").dispatch_event("click")
    ends = re.compile("|".join(re.escape(PHRASES[word]["en"]) for word in ("stopped", "nothing")))
    expect(second.locator("#board .said")).to_have_text(ends, timeout=PATIENCE_MS)
    for page in (first, second):
        page.context.close()
