"""The web page in a real browser: hand in a call, watch it, hear it, read it, correct it.

Screenshots are kept in `build/screenshots/`.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile
import soxr
from playwright.sync_api import Page, expect, sync_playwright

from tests.acceptance.conftest import DEMO_CALL, ROOT, Program, program_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = ROOT / "build" / "screenshots"
# Without these a browser asks its maker's hosts for this and that.
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--autoplay-policy=no-user-gesture-required",
]
DONE_MS = 150_000

needs_axe = pytest.mark.skipif(find_spec("axe_playwright_python") is None, reason="axe-playwright-python is missing")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program: Program = program_of(tmp_path_factory.mktemp("page"))
    with program.start("up", "--port", "0", errors=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield next(word for word in process.stdout.readline().split() if word.startswith("http://"))
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears: the agent of the demo call."""
    path = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    samples, rate_hz = soundfile.read(DEMO_CALL, frames=4 * 8000)
    soundfile.write(path, soxr.resample(samples[:, 0], rate_hz, 48_000), 48_000)
    return path


@pytest.fixture(scope="module")
def page(address: str, spoken: Path) -> Iterator[Page]:
    """One page for all tests, which follow a call from its file to its correction."""
    microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    microphone.append(f"--use-file-for-fake-audio-capture={spoken}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET + microphone)
        made = browser.new_page(viewport={"width": 1280, "height": 900}, base_url=address)
        made.set_default_timeout(30_000)
        yield made
        browser.close()


@pytest.fixture(scope="module")
def errors(page: Page) -> list[str]:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    return found


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


def check_is_accessible(page: Page) -> None:
    """axe-core finds nothing that is serious, by daylight and in the dark."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text() + ";0")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("axe.run().then((result) => result.violations.map((each) => [each.impact, each.help]))")
        assert [what for impact, what in found if impact in {"serious", "critical"}] == []


def test_a_call_is_dropped_and_its_steps_are_watched_until_it_is_done(
    page: Page, errors: list[str], short_call: Path
) -> None:
    page.goto("/")
    page.fill("#roles", "agent, customer")
    _drop(page, short_call)
    job = page.locator("li.job")
    expect(job).to_have_count(1)
    expect(job.locator(".name")).to_have_text(short_call.name)
    expect(job.locator("[role=progressbar]")).to_have_count(5)
    shoot(page, "queue")
    expect(job.locator(".chip")).to_have_text("completed", timeout=DONE_MS)
    expect(page.locator(".figures")).to_contain_text("s of audio a second")
    assert errors == []


def _drop(page: Page, path: Path) -> None:
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


@needs_axe
def test_everybody_can_use_the_queue(page: Page) -> None:
    check_is_accessible(page)


def test_its_transcript_says_who_spoke_and_has_a_waveform_for_each(page: Page, errors: list[str]) -> None:
    page.click("li.job .name a")
    expect(page.locator(".segment").first).to_be_visible()
    assert {each.strip() for each in page.locator(".segment .who").all_inner_texts()} == {"agent", "customer"}
    expect(page.locator("canvas.wave")).to_have_count(2)
    until(page, "document.querySelector('audio').duration > 7")
    assert page.evaluate(_DRAWN) > 100
    shoot(page, "transcript")
    assert errors == []


# How many columns of the first waveform are drawn in, beside the line in the middle.
_DRAWN = """() => {
    const canvas = document.querySelector("canvas.wave");
    const row = canvas.getContext("2d").getImageData(0, Math.round(canvas.height * 0.4), canvas.width, 1).data;
    return row.filter((value, index) => index % 4 === 3 && value > 60).length;
}"""


@needs_axe
def test_everybody_can_use_the_transcript(page: Page) -> None:
    page.locator(".segment").first.locator(".word").first.click()
    check_is_accessible(page)


def test_a_click_on_a_word_goes_there_and_what_is_spoken_is_lit(page: Page) -> None:
    word = page.locator(".segment").nth(1).locator(".word").nth(1)
    word.click()
    start_s = position_s(page)
    assert start_s > 1
    expect(word).to_have_class("word lit cursor")
    page.click("button[aria-label=Play]")
    until(page, f"document.querySelector('audio').currentTime > {start_s + 0.5}")
    expect(word).not_to_have_class("word lit cursor")
    page.click("button[aria-label=Pause]")


def test_the_keyboard_reaches_words_and_plays(page: Page) -> None:
    first = page.locator(".segment").first
    first.locator(".word").first.click()
    page.keyboard.press("ArrowRight")
    expect(first.locator(".word").nth(1)).to_have_class("word cursor")
    expect(page.locator("#told")).to_contain_text("% sure")
    page.keyboard.press("Enter")
    assert position_s(page) > 0
    page.keyboard.press("Space")
    until(page, "!document.querySelector('audio').paused")
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').paused")


def test_a_search_finds_words_and_goes_to_them(page: Page) -> None:
    text = page.locator(".segment p").nth(1).inner_text().split()[-1].strip(".,?")
    page.fill("#search", text.upper())
    expect(page.locator(".word.found").first).to_be_visible()
    before = position_s(page)
    page.keyboard.press("Enter")
    expect(page.locator("output", has_text="1 of")).to_be_visible()
    assert position_s(page) != before
    page.fill("#search", "no such words")
    expect(page.locator("output", has_text="0 found")).to_be_visible()
    page.fill("#search", "")


def test_doubtful_words_are_those_below_the_threshold(page: Page) -> None:
    page.locator("#threshold").fill("1")
    everything = page.locator(".word.low").count()
    page.locator("#threshold").fill("0")
    assert page.locator(".word.low").count() == 0 < everything


def test_a_word_is_corrected_and_stays_so_when_the_page_is_loaded_again(page: Page, errors: list[str]) -> None:
    page.locator(".segment").first.locator(".word").first.dblclick()
    page.fill("input.edit", "Kane")
    page.keyboard.press("Enter")
    corrected = page.locator(".word.corrected")
    expect(corrected).to_have_text("Kane")
    expect(page.get_by_text("1 word corrected")).to_be_visible()
    page.reload()
    expect(page.locator(".word.corrected")).to_have_text("Kane")
    assert errors == []


def test_the_transcript_is_saved_as_it_was_corrected(page: Page) -> None:
    page.select_option("select[aria-label=Format]", "srt")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "short.srt"
    assert "Kane" in download.value.path().read_text()


def test_decoded_again_it_has_another_version_and_the_first_can_still_be_read(page: Page, errors: list[str]) -> None:
    page.fill("#redecode", "Harbor Electric")
    page.get_by_role("button", name="Decode again").click()
    version = page.locator("select[aria-label=Version]")
    expect(version).to_have_value("2", timeout=DONE_MS)
    expect(page.locator(".word.corrected")).to_have_count(0)
    version.select_option("1")
    expect(page.get_by_text("An earlier version")).to_be_visible()
    assert errors == []


def test_it_is_as_clear_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    shoot(page, "dark")
    luminance = page.evaluate("getComputedStyle(document.body).backgroundColor").removeprefix("rgb(").rstrip(")")
    assert sum(map(int, luminance.split(","))) < 120
    page.emulate_media(color_scheme="light")


def test_a_transcript_of_5000_segments_is_shown_and_lit_at_once(page: Page, errors: list[str]) -> None:
    page.goto("/")
    took_ms = page.evaluate(_LONG)
    assert took_ms["words"] < 5000 * 10, "only what is near the screen has elements for its words"
    # The machine of a test is slow and busy: what matters is that a frame does not wait for all words.
    assert took_ms["light"] < 100
    # Idle it is 17, as fast as the screen is drawn.
    assert page.evaluate(_SCROLL) < 60
    assert errors == []


# Built with the page's own modules from a transcript that is made here.
_LONG = """async () => {
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
_SCROLL = """async () => {
    const times = [];
    for (let frame = 0, before = null; frame < 60; frame += 1) {
        const now = await new Promise(requestAnimationFrame);
        if (before !== null) times.push(now - before);
        before = now;
        scrollBy(0, 400);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}"""


def test_what_the_microphone_hears_becomes_a_transcript(page: Page, errors: list[str]) -> None:
    page.goto("/")
    page.get_by_role("button", name="Record").click()
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Stop and send").click()
    recorded = page.locator("li.job", has_text="recording")
    expect(recorded.locator(".chip")).to_have_text("completed", timeout=DONE_MS)
    recorded.locator(".name a").click()
    expect(page.locator(".segments")).to_contain_text("calling")
    assert errors == []


def test_a_job_is_deleted_after_a_question(page: Page) -> None:
    page.goto("/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete short.wav").click()
    expect(page.locator("li.job")).to_have_count(2)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete short.wav").click()
    expect(page.get_by_role("button", name="Delete short.wav")).to_have_count(0)


def test_what_is_no_recording_is_listed_with_its_reason(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("nothing was recorded here " * 40)
    page.set_input_files("input[type=file]", tmp_path / "notes.wav")
    why = page.locator("li.job .why").first
    expect(why).to_contain_text("UNRECOGNISED_FORMAT", timeout=DONE_MS)
