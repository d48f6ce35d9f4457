"""The web page in a real browser: hand in a call, watch it, hear it, read it, correct it.

Screenshots are kept in `build/screenshots/`.
"""

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
import soundfile
import soxr
from playwright.sync_api import Page, expect, sync_playwright

from pipeline.render import OutputFormat
from pipeline.stages import STEPS
from tests.acceptance.browser import (
    CHROMIUM,
    DRAWN,
    LONG,
    QUIET,
    SCROLL,
    check_is_accessible,
    drop,
    pause,
    position_s,
    shoot,
    until,
)
from tests.acceptance.conftest import DEMO_CALL, Program, program_of

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


def test_a_call_is_dropped_and_its_steps_are_watched_until_it_is_done(
    page: Page, errors: list[str], short_call: Path
) -> None:
    page.goto("/")
    page.fill("#roles", "agent, customer")
    drop(page, short_call)
    job = page.locator("li.job")
    expect(job).to_have_count(1)
    expect(job.locator(".name")).to_have_text(short_call.name)
    expect(job.locator("[role=progressbar]")).to_have_count(5)
    shoot(page, "queue")
    expect(job.locator(".chip")).to_have_text("completed", timeout=DONE_MS)
    expect(page.locator(".figures")).to_contain_text("s of audio a second")
    assert errors == []


@needs_axe
def test_everybody_can_use_the_queue(page: Page) -> None:
    check_is_accessible(page)


def test_its_transcript_says_who_spoke_and_has_a_waveform_for_each(page: Page, errors: list[str]) -> None:
    page.click("li.job .name a")
    expect(page.locator(".segment").first).to_be_visible()
    assert {each.strip() for each in page.locator(".segment .who").all_inner_texts()} == {"agent", "customer"}
    expect(page.locator("canvas.wave")).to_have_count(2)
    until(page, "document.querySelector('audio').duration > 7")
    assert page.evaluate(DRAWN) > 100
    shoot(page, "transcript")
    assert errors == []


@needs_axe
def test_everybody_can_use_the_transcript(page: Page) -> None:
    page.locator(".segment").first.locator(".word").first.click()
    pause(page)
    check_is_accessible(page)


def test_a_click_on_a_word_lets_it_be_heard_and_what_is_spoken_is_lit(page: Page) -> None:
    word = page.locator(".segment").nth(1).locator(".word").nth(1)
    word.click()
    start_s = position_s(page)
    assert start_s > 1
    expect(word).to_have_class("word lit cursor")
    until(page, f"document.querySelector('audio').currentTime > {start_s + 0.5}")
    expect(word).not_to_have_class("word lit cursor")
    pause(page)


def test_the_keyboard_reaches_words_and_plays(page: Page) -> None:
    first = page.locator(".segment").first
    first.locator(".word").first.click()
    pause(page)
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(first.locator(".word").nth(1)).to_have_class("word cursor")
    expect(page.locator("#told")).to_contain_text("% sure")
    page.keyboard.press("Enter")
    until(page, "!document.querySelector('audio').paused")
    assert position_s(page) > 0
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').paused")
    page.keyboard.press("Space")
    until(page, "!document.querySelector('audio').paused")
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').paused")


def test_the_page_says_how_long_each_step_waited_and_ran(page: Page) -> None:
    rows = page.locator("section[aria-label=Steps] tbody tr")
    expect(rows).to_have_count(5)
    assert [text.split()[0] for text in rows.all_inner_texts()] == list(STEPS)
    assert all(text.count(" s") == 2 for text in rows.all_inner_texts())


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


def test_the_transcript_is_saved_in_every_format_as_it_was_corrected(page: Page) -> None:
    formats = page.locator("select[aria-label=Format] option").all_inner_texts()
    assert set(formats) == set(get_args(OutputFormat))
    for name in formats:
        page.select_option("select[aria-label=Format]", name)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()
        assert download.value.suggested_filename.startswith("short.")
        text = download.value.path().read_text()
        # RTTM says who spoke when, and not what.
        assert "SPEAKER" in text if name == "rttm" else "Kane" in text, name


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
    took_ms = page.evaluate(LONG)
    assert took_ms["words"] < 5000 * 10, "only what is near the screen has elements for its words"
    # The machine of a test is slow and busy: what matters is that a frame does not wait for all words.
    assert took_ms["light"] < 100
    # Idle it is 17, as fast as the screen is drawn.
    assert page.evaluate(SCROLL) < 60
    assert errors == []


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


def test_it_fits_the_screen_of_a_phone(page: Page, errors: list[str]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    expect(page.locator("li.job").first).to_be_visible()
    shoot(page, "phone-queue")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("li.job .name a").last.click()
    expect(page.locator(".segment").first).to_be_visible()
    shoot(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.set_viewport_size({"width": 1280, "height": 900})
    assert errors == []


def test_a_job_is_stopped_and_run_again(page: Page, errors: list[str]) -> None:
    page.goto("/")
    page.set_input_files("input[type=file]", DEMO_CALL)
    name = DEMO_CALL.name
    page.get_by_role("button", name=f"Cancel {name}").click()
    job = page.locator("li.job", has_text=name)
    expect(job.locator(".chip")).to_have_text("canceled")
    page.get_by_role("button", name=f"Retry {name}").click()
    page.get_by_role("button", name=f"Cancel {name}").click()
    expect(job.locator(".chip")).to_have_text("canceled")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(job).to_have_count(0)
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
