"""Take the pictures of the studio that the documents show: python tests/studio/pictures.py

A studio must run at the address below (make studio), with the shipped model.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860"
ROOT = Path(__file__).parents[2]
PLACE = ROOT / "docs" / "studio"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def wait(page: Page) -> None:
    """Wait until music is written."""
    page.wait_for_function("document.querySelectorAll('#board audio').length", timeout=180_000)
    page.wait_for_timeout(700)


def main() -> None:
    """Visit every tab."""
    PLACE.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900}).new_page()
        page.goto(ADDRESS)
        page.wait_for_selector("#compose")
        page.click("#compose")
        page.wait_for_timeout(4000)
        page.screenshot(path=PLACE / "writing.png")
        wait(page)
        page.locator("#board .sheet summary").first.click()
        page.wait_for_timeout(5000)
        page.screenshot(path=PLACE / "compose.png")
        page.get_by_role("tab", name="My piece").click()
        page.locator("#piece input[type=file]").set_input_files(ROOT / "docs" / "first.mid")
        page.locator("#task input[value=infill]").check()
        page.locator("#piece-region :is(input, textarea)").fill("5-8")
        page.evaluate("document.querySelector('#board .said').textContent = 'waiting'")
        page.click("#work")
        page.wait_for_function("document.querySelector('#board progress').hidden"
                               " && document.querySelector('#board .said').textContent != 'waiting'", timeout=180_000)
        page.wait_for_timeout(700)
        page.screenshot(path=PLACE / "piece.png", full_page=True)
        page.get_by_role("tab", name="Compare").click()
        page.click("#compare")
        page.wait_for_selector("#measures table", timeout=180_000)
        page.wait_for_timeout(700)
        page.screenshot(path=PLACE / "compare.png", full_page=True)
        page.get_by_role("tab", name="Train on my music").click()
        page.wait_for_timeout(500)
        page.screenshot(path=PLACE / "train.png")
        page.get_by_role("tab", name="Other families").click()
        page.wait_for_timeout(500)
        page.screenshot(path=PLACE / "families.png")
        phone = browser.new_context(locale="ru-RU", viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
        phone.goto(ADDRESS)
        phone.wait_for_selector("#compose")
        phone.wait_for_timeout(1000)
        phone.screenshot(path=PLACE / "phone.png")
        browser.close()


if __name__ == "__main__":
    main()
