import json
from collections.abc import Sequence
from pathlib import Path

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_separators_of_lines_inside_a_text_and_a_mark_at_the_start_do_not_break_a_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    said = "one\u2028two\u0085three"
    line = json.dumps({"id": "1", "audio": "1.wav", "text": said}, ensure_ascii=False)
    manifest.write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n" + line.encode() + b"\r\n")
    assert [each.text for each in read_manifest(manifest)] == [said, said]


def test_a_manifest_that_is_no_text_is_not_readable(tmp_path: Path) -> None:
    (tmp_path / "audio.wav").write_bytes(b"\xff\xfe\x00\x80")
    for path in (tmp_path / "audio.wav", tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotReadable, match=path.name):
            read_manifest(path)


WORDS = st.lists(st.sampled_from(["please", "hold", "the", "line", "goodbye", "yes"]), min_size=1, max_size=8)


@given(pairs=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_rates_are_edit_distances_over_the_words_that_were_said(pairs: list[tuple[list[str], list[str]]]) -> None:
    made = score([spoken(" ".join(said), " ".join(heard)) for said, heard in pairs])
    errors = sum(edit_distance(said, heard) for said, heard in pairs)
    assert made.wer == pytest.approx(errors / sum(len(said) for said, _ in pairs))
    letters = [(" ".join(said), " ".join(heard)) for said, heard in pairs]
    errors = sum(edit_distance(said, heard) for said, heard in letters)
    assert made.cer == pytest.approx(errors / sum(len(said) for said, _ in letters))


def edit_distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein's distance, by his recurrence."""
    row = list(range(len(other) + 1))
    for above, item in enumerate(one):
        corner, row[0] = row[0], above + 1
        for at, another in enumerate(other, start=1):
            corner, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, corner + (item != another))
    return row[-1]
