import json
from pathlib import Path

import jiwer
import pytest

from workers.errors import FileNotReadable
from workers.evaluate import ManifestLine, Spoken, normalise, read_manifest, report, rtfx, score
from workers.jobs import JobStatus
from workers.states import JobState


def spoken(reference: str, hypothesis: str, domain: str = "calls") -> Spoken:
    return Spoken(domain, reference, hypothesis, duration_s=1.0)


def job(started_at: float | None, ended_at: float | None, duration_s: float | None) -> JobStatus:
    return JobStatus(
        id="1",
        state=JobState.COMPLETED,
        tenant="default",
        file_name="call.wav",
        version=1,
        duration_s=duration_s,
        created_at=0.0,
        started_at=started_at,
        ended_at=ended_at,
        error_code=None,
        error_message=None,
        external_id=None,
        annotations={},
        steps=(),
    )


def test_case_punctuation_spelling_and_numerals_do_not_count() -> None:
    assert normalise("The colour costs twenty dollars, Mr. Smith!") == normalise("the color costs $20 mister smith")


def test_rates_are_those_of_jiwer() -> None:
    pairs = [("I would like to pay my bill", "I would like a pay bill"), ("goodbye then", "good bye then")]
    references, hypotheses = ([normalise(each) for each in side] for side in zip(*pairs, strict=True))
    made = score([spoken(*pair) for pair in pairs])
    assert made.wer == pytest.approx(jiwer.wer(references, hypotheses))
    assert made.cer == pytest.approx(jiwer.cer(references, hypotheses))


def test_rates_are_errors_over_all_words_not_means_over_recordings() -> None:
    one_of_five = score([spoken("please hold the line", "please hold the lime"), spoken("goodbye", "goodbye")])
    assert one_of_five.wer == pytest.approx(1 / 5)
    assert one_of_five.cer == pytest.approx(1 / len("please hold the line" + "goodbye"))
    assert one_of_five.n == 2


def test_words_heard_in_silence_are_errors() -> None:
    made = score([spoken("", "thank you for watching"), spoken("please hold", "please hold")])
    assert made.wer == pytest.approx(4 / 2)
    assert made.n == 2


def test_silence_alone_has_no_rate() -> None:
    for heard in ("", "words"):
        made = score([spoken("...", heard)])
        assert (made.wer, made.cer, made.n) == (None, None, 1)


def test_a_recording_that_failed_is_all_deletions() -> None:
    assert score([spoken("please hold", "")]).wer == 1.0


def test_the_report_has_all_recordings_and_each_domain() -> None:
    figures = report([spoken("a b", "a b", "one"), spoken("c d", "c x", "two")], speed=12.345)
    assert figures["all"]["rtfx"] == pytest.approx(12.345, abs=0.01)
    assert (figures["domains"]["one"]["wer"], figures["domains"]["two"]["wer"]) == (0.0, 0.5)
    assert json.loads(json.dumps(figures)) == figures


def test_speed_is_audio_over_the_time_from_first_start_to_last_end() -> None:
    assert rtfx([job(100.0, 104.0, 30.0), job(102.0, 110.0, 20.0), job(None, None, None)]) == pytest.approx(5.0)
    assert rtfx([job(None, None, None)]) is None


def test_paths_of_a_manifest_start_in_its_folder(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    line = {"id": "1", "audio": "calls/1.wav", "text": "hello", "domain": "calls", "licence": "CC0"}
    manifest.write_text(json.dumps(line) + "\n\n" + json.dumps({"id": "2", "audio": "/abs/2.wav", "text": ""}) + "\n")
    assert read_manifest(manifest) == [
        ManifestLine(id="1", audio=tmp_path / "calls/1.wav", text="hello", domain="calls"),
        ManifestLine(id="2", audio=Path("/abs/2.wav"), text="", domain="all"),
    ]


@pytest.mark.parametrize("text", ["not json", '{"id": "1", "text": "no audio"}', "[1]"])
def test_a_wrong_line_is_named(tmp_path: Path, text: str) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text('{"id": "1", "audio": "1.wav", "text": "x"}\n' + text)
    with pytest.raises(FileNotReadable, match="line 2"):
        read_manifest(manifest)
