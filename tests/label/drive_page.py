# SPDX-License-Identifier: Apache-2.0
"""Annotate images in a headless Chromium, as a person would; prints what happened as JSON.

Runs in MONAI Label's environment (which has selenium): ``drive_page.py URL FOLDER`` leaves a screenshot a step.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

BRUSH_AT, BRUSH_BY = (-60, 40), (50, 20)
CORNERS = ((-150, -120), (70, 0), (0, 70))


class Page:
    """The page and the keys and pointer on it."""

    def __init__(self, url: str, shots: Path) -> None:
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(flag)
        options.add_argument("--window-size=1440,900")
        # No name but this machine's can be looked up: the page must work without internet.
        options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.shots = shots
        self.driver.get(url)
        self.idle()

    def script(self, code: str) -> Any:
        return self.driver.execute_script(f"const {{ view, state, list }} = window.mammozoo; return {code}")

    def idle(self) -> None:
        """Wait until the page has done what it was asked for."""
        ready = "return Boolean(window.mammozoo && !window.mammozoo.state.busy && window.mammozoo.state.mask)"
        for _ in range(1500):
            time.sleep(0.2)
            if self.driver.execute_script(ready):
                return
        raise TimeoutError("the page is busy for ever")

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()
        self.idle()

    def element(self, name: str) -> Any:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return str(self.element(name).text)

    def shot(self, name: str) -> None:
        time.sleep(0.3)
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))

    def count(self) -> int:
        return int(self.script("state.mask.count()"))

    def errors(self) -> list[str]:
        """What the browser complains of."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


def annotate(page: Page) -> dict[str, Any]:
    """Suggestion, brush, undo and redo, polygon, eraser, removal, save."""
    seen: dict[str, Any] = {"image": page.script("list.current")}
    seen |= {name: page.text(name) for name in ("mark", "facts")}
    page.shot("1-opened")
    page.element("model").send_keys("cut")
    page.driver.execute_script("document.activeElement.blur()")
    page.press("m")
    seen["suggested"] = page.count()
    page.shot("2-suggested")
    canvas = page.element("canvas")
    page.press("b")
    move = ActionChains(page.driver).move_to_element_with_offset(canvas, *BRUSH_AT)
    move.click_and_hold().move_by_offset(*BRUSH_BY).release().perform()
    seen["brushed"] = page.count()
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    seen["undone"] = page.count()
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("y").key_up(Keys.CONTROL).perform()
    seen["redone"] = page.count()
    page.press("p")
    first, *rest = CORNERS
    move = ActionChains(page.driver).move_to_element_with_offset(canvas, *first).click()
    for corner in rest:
        move = move.pause(0.6).move_by_offset(*corner).click()
    move.perform()
    page.shot("3-polygon")
    page.press(Keys.ENTER)
    seen["polygon"] = page.count()
    page.press("e")
    ActionChains(page.driver).move_to_element_with_offset(canvas, *BRUSH_AT).click().perform()
    seen["erased"] = page.count()
    page.press("x")
    ActionChains(page.driver).move_to_element_with_offset(canvas, -100, -110).click().perform()
    seen["removed"] = page.count()
    page.shot("4-edited")
    seen["state_edited"] = page.text("state")
    page.press("s")
    seen["state_saved"] = page.text("state")
    page.shot("5-saved")
    return seen


def look(page: Page) -> dict[str, Any]:
    """Zoom, native size, window, invert, hide, help."""
    canvas = page.element("canvas")
    seen: dict[str, Any] = {"fit": page.script("view.scale"), "window": page.script("view.window")}
    page.press("o")
    seen["native"] = page.script("view.scale")
    page.driver.execute_script(
        "const c = document.getElementById('canvas'), b = c.getBoundingClientRect();"
        "c.dispatchEvent(new WheelEvent('wheel', {deltaY: -300, clientX: b.left + 200, clientY: b.top + 200}))"
    )
    seen["zoomed"] = page.script("view.scale")
    page.press("w")
    move = ActionChains(page.driver).move_to_element_with_offset(canvas, 0, 0)
    move.click_and_hold().move_by_offset(60, 30).release().perform()
    seen["window_changed"] = page.script("view.window")
    page.press("i", "h")
    page.shot("6-inverted")
    page.press("r", "i", "h", "f")
    seen["window_reset"] = page.script("view.window")
    page.press("?")
    page.shot("7-help")
    page.press(Keys.ESCAPE)
    seen["hidden"] = {}
    for width in (860, 1920):
        page.driver.set_window_size(width, 1000)
        page.shot(f"7-window-{width}")
        outside = (
            "b => { const r = b.getBoundingClientRect(); return r.right > innerWidth + 1 || r.width < 1 && !b.hidden; }"
        )
        seen["hidden"][width] = page.script(
            f"[...document.querySelectorAll('button:not(dialog button)')].filter({outside}).map(b => b.id)"
        )
    page.driver.set_window_size(1440, 900)
    return seen


def leave(page: Page) -> dict[str, Any]:
    """Unsaved changes: the page asks, and does what it is told."""
    page.press("b")
    ActionChains(page.driver).move_to_element_with_offset(page.element("canvas"), *BRUSH_AT).click().perform()
    before, edited = page.script("list.current"), page.count()
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN).perform()
    time.sleep(0.5)
    page.shot("8-unsaved")
    asked = page.script("document.getElementById('leave').open")
    page.driver.find_element(By.CSS_SELECTOR, "#leave button[value=stay]").click()
    page.idle()
    stayed = (page.script("list.current") == before) and page.count() == edited
    ActionChains(page.driver).send_keys(Keys.ARROW_DOWN).perform()
    time.sleep(0.5)
    page.driver.find_element(By.CSS_SELECTOR, "#leave button[value=drop]").click()
    time.sleep(0.5)
    page.idle()
    return {"asked": asked, "stayed": stayed, "left": page.script("list.current") != before}


def train(page: Page) -> dict[str, Any]:
    """Save the next two images, train two epochs, look at the message."""
    for _ in range(2):
        page.press("n")
        page.press("m")
        page.press(Keys.ENTER)
    page.shot("9-next")
    page.driver.execute_script(
        "const m = document.getElementById('model'); m.value = 'mammo_abnormal_unet_segmentation';"
        "m.dispatchEvent(new Event('change')); document.getElementById('epochs').value = 2"
    )
    page.element("train").click()
    page.idle()
    for _ in range(900):
        time.sleep(1)
        text = page.text("training")
        if "Trained" in text or "failed" in text:
            break
    page.shot("10-trained")
    page.press("m")
    page.shot("11-suggested-again")
    return {"training": text, "progress": page.text("progress"), "after": page.count()}


def main() -> None:
    page = Page(sys.argv[1], Path(sys.argv[2]))
    try:
        seen = {
            "annotate": annotate(page),
            "look": look(page),
            "leave": leave(page),
            "train": train(page),
            "errors": page.errors(),
        }
    finally:
        page.driver.quit()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
