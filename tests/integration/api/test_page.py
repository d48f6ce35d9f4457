"""What the web page needs of the server: itself, the sound, the waveform, and corrections."""

import io
import json
import re
from pathlib import Path

import pytest
import soundfile

from tests.integration.api.conftest import TEXT, Door, DoorMaker
from workers.states import Scope

DEMO_CALL = Path(__file__).parents[3] / "workers" / "demo" / "call.wav"
PAGE = Path(__file__).parents[3] / "api" / "page"


@pytest.fixture
def door(open_door: DoorMaker) -> Door:
    return open_door()


@pytest.fixture
def job_id(door: Door) -> str:
    """A completed job whose recording is the demo call, and whose transcript is `TEXT`."""
    made = str(door.submit(content=DEMO_CALL.read_bytes())["id"])
    door.complete(made)
    return made


def test_the_page_and_all_its_parts_are_served_and_may_reach_nothing_else(door: Door) -> None:
    with door.http() as http:
        index = http.get("/")
        assert index.headers["content-type"].startswith("text/html")
        assert "default-src 'none'; script-src 'self'" in index.headers["content-security-policy"]
        for path in PAGE.iterdir():
            assert http.get(f"/page/{path.name}").content == path.read_bytes()


def test_the_page_names_no_other_host_and_runs_no_script_of_its_own_text() -> None:
    for path in PAGE.iterdir():
        text = path.read_text()
        hosts = set(re.findall(r"https?://([^/\"'\s]+)", text))
        assert hosts <= {"www.w3.org"}, path.name
        assert not re.search(r"innerHTML|eval\(|<script>|\bon\w+=\"", text), path.name


@pytest.mark.parametrize("name", ["..%2Fapp.py", "app.py", "index.html%00", "x" * 65])
def test_nothing_but_the_page_is_served(door: Door, name: str) -> None:
    with door.http() as http:
        assert http.get(f"/page/{name}").status_code in {404, 422}


def test_any_recording_is_heard_as_wav_in_parts_as_well(door: Door, job_id: str) -> None:
    with door.http() as http:
        whole = http.get(f"/v1/jobs/{job_id}/playback")
        assert whole.headers["content-type"] == "audio/wav"
        assert soundfile.info(io.BytesIO(whole.content)).duration == pytest.approx(soundfile.info(DEMO_CALL).duration)
        part = http.get(f"/v1/jobs/{job_id}/playback", headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, whole.content[1000:2000])


def test_the_waveform_has_a_line_for_each_channel(door: Door, job_id: str) -> None:
    with door.http() as http:
        channels = http.get(f"/v1/jobs/{job_id}/waveform").json()["channels"]
    assert len(channels) == 2
    assert all(-127 <= low <= high <= 127 for low, high in channels[0])
    assert max(high for _, high in channels[0]) > 10


def test_what_can_not_be_decoded_is_not_played_and_the_code_says_why(door: Door) -> None:
    job = door.submit(content=b"no recording at all")
    with door.http() as http:
        answer = http.get(f"/v1/jobs/{job['id']}/playback")
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_PLAYABLE")
    assert "UNRECOGNISED_FORMAT" in answer.json()["detail"]


def test_a_word_is_corrected_and_read_so_in_every_format(door: Door, job_id: str) -> None:
    path = f"/v1/jobs/{job_id}/corrections"
    with door.http() as http:
        machine = http.get(f"/v1/jobs/{job_id}/transcript?format=text").text
        assert http.get(path).json() == {"version": 1, "revision": 0, "words": [], "word_error_rate": 0.0}
        word = {"segment": 0, "position": 1, "text": "credit card"}
        answer = http.put(path, json={"base_revision": 0, "words": [word]}).json()
        assert (answer["revision"], answer["words"]) == (1, [word])
        assert 0 < answer["word_error_rate"] < 1
        changed = TEXT.replace("card", "credit card")
        assert http.get(f"/v1/jobs/{job_id}/transcript?format=text&corrected=true").text.strip().endswith(changed)
        assert "My credit card" in http.get(f"/v1/jobs/{job_id}/transcript?format=vtt&corrected=true").text
        assert json.loads(http.get(f"/v1/jobs/{job_id}/transcript?corrected=true").text)["text"] == changed
        assert http.get(f"/v1/jobs/{job_id}/transcript?format=text").text == machine


def test_who_was_slower_is_told_so(door: Door, job_id: str) -> None:
    path = f"/v1/jobs/{job_id}/corrections"
    with door.http() as http:
        for text, status in (("credit", 200), ("debit", 409)):
            words = [{"segment": 0, "position": 1, "text": text}]
            assert http.put(path, json={"base_revision": 0, "words": words}).status_code == status
        assert http.get(path).json()["words"][0]["text"] == "credit"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], 422),
        ([{"segment": 9, "position": 0, "text": "x"}], 422),
        ([{"segment": 0, "position": 0}], 422),
        ([{"segment": 0, "position": 0, "text": "two\nlines"}], 422),
        ([{"segment": -1, "position": 0, "text": "x"}], 422),
        ([{"segment": 0, "position": 0, "text": "x" * 201}], 422),
    ],
)
def test_what_is_no_correction_is_refused(door: Door, job_id: str, words: list[object], status: int) -> None:
    with door.http() as http:
        answer = http.put(f"/v1/jobs/{job_id}/corrections", json={"base_revision": 0, "words": words})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert http.get(f"/v1/jobs/{job_id}/corrections").json()["revision"] == 0


@pytest.fixture
def shut(open_door: DoorMaker) -> Door:
    """A door that asks for a key."""
    return open_door(is_open=False)


@pytest.fixture
def guarded(shut: Door) -> str:
    """A completed job of the default tenant."""
    made = str(shut.submit(shut.key(), DEMO_CALL.read_bytes())["id"])
    shut.complete(made)
    return made


def test_a_key_that_sees_only_redacted_text_hears_nothing_and_corrects_nothing(shut: Door, guarded: str) -> None:
    reader = shut.key(scopes=frozenset({Scope.READ, Scope.WRITE}))
    with shut.http(reader) as http:
        for path in ("playback", "waveform", "corrections"):
            assert http.get(f"/v1/jobs/{guarded}/{path}").status_code == 403
        words = [{"segment": 0, "position": 1, "text": "x"}]
        refused = http.put(f"/v1/jobs/{guarded}/corrections", json={"base_revision": 0, "words": words})
        assert refused.status_code == 403
        assert "4111" not in http.get(f"/v1/jobs/{guarded}/transcript?format=text").text


def test_another_tenants_recording_is_unknown(shut: Door, guarded: str) -> None:
    with shut.http(shut.key("other", frozenset(Scope))) as http:
        for path in ("playback", "waveform", "corrections"):
            assert http.get(f"/v1/jobs/{guarded}/{path}").status_code == 404
