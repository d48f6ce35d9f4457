"""A real browser, and what the tests do with the page again and again."""

import shutil
import time
from importlib import resources
from pathlib import Path

from playwright.sync_api import Page

from tests.acceptance.conftest import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = ROOT / "build" / "screenshots"
# Without these a browser asks its maker's hosts for this and that.
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--autoplay-policy=no-user-gesture-required",
]

# How many columns of the first waveform are drawn in, beside the line in the middle.
DRAWN = """() => {
    const canvas = document.querySelector("canvas.wave");
    const row = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.4), canvas.width, 1).data;
    return row.filter((value, index) => index % 4 === 3 && value > 60).length;
}"""

# Built with the page's own modules from a transcript that is made here.
LONG = """async () => {
    const { Words } = await import("/page/words.js");
    const word = (at, n) => ({ text: `word${n}`, start_s: at + n * 0.2, end_s: at + n * 0.2 + 0.15, confidence: 0.9 });
    const segments = Array.from({ length: 5000 }, (_, index) => ({
        channel: index % 2, role: null, start_s: index * 3, end_s: index * 3 + 2,
        words: Array.from({ length: 10 }, (_, n) => word(index * 3, n)),
    }));
    const player = { audio: { paused: false }, seek() {} };
    const words = new Words({ segments }, { text: () => undefined }, player);
    document.getElementById("view").replaceChildren(words.element);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = performance.now();
    for (let at = 0; at < 15000; at += 150) words.light(at + 0.25);
    const light = (performance.now() - before) / 100;
    return { words: document.querySelectorAll(".word").length, light };
}"""

# The middle one of the times from frame to frame, in ms, while half a screen passes in each.
SCROLL = """async () => {
    const times = [];
    for (let frame = 0, before = null; frame < 60; frame += 1) {
        const now = await new Promise(requestAnimationFrame);
        if (before !== null) times.push(now - before);
        before = now;
        scrollBy(0, 400);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}"""


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def position_s(page: Page) -> float:
    return float(page.evaluate("document.querySelector('audio').currentTime"))


def until(page: Page, expression: str, timeout_s: float = 30) -> None:
    """Playwright's own way evaluates text in the page, which the page's policy forbids."""
    deadline = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def pause(page: Page) -> None:
    page.click("button[aria-label=Pause]")
    until(page, "document.querySelector('audio').paused")


def check_is_accessible(page: Page) -> None:
    """axe-core finds nothing that is serious, by daylight and in the dark."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text() + ";0")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run().then((result) => result.violations.map((each) => [each.impact, each.help]))")
        assert [what for impact, what in found if impact in {"serious", "critical"}] == []


def drop(page: Page, path: Path) -> None:
    """Drop a file from outside, as a desktop does."""
    transfer = page.evaluate_handle(
        """([bytes, name]) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([new Uint8Array(bytes)], name, { type: "audio/wav" }));
            return dropped;
        }""",
        [list(path.read_bytes()), path.name],
    )
    page.dispatch_event("section.drop", "drop", {"dataTransfer": transfer})
